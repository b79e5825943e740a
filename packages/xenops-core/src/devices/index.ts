export { attachDevice, waitConnected } from './attach.ts';
export { detachDevice, type DetachOptions } from './detach.ts';
export { deviceName } from './device.ts';
export type { Backend, DeviceAddress, DeviceDescription, HotplugPlan } from './device.ts';
export {
  diskNumber,
  findDiskName,
  formatDiskName,
  parseDiskName,
  type DiskName,
} from './disk-number.ts';
export { describeVbd } from './classes/vbd.ts';
export type { DiskBackend, DiskFormat, VbdConfig, VbdGuest } from './classes/vbd.ts';
export { describeVif, isUnicastMac, randomMac } from './classes/vif.ts';
export {
  emulatedCard,
  EMULATED_CARDS,
  type EmulatedCard,
  type Network,
  type VifConfig,
  type VifRate,
} from './classes/vif.ts';
export { DEVICE_TIMEOUTS, type DeviceOptions } from './timeouts.ts';
export { parseXenbusState, XENBUS, XENBUS_STATE_NAMES, type XenbusState } from './xenbus-state.ts';
export { describeArgo } from './classes/argo.ts';
export { describeConsole, type ConsoleConfig } from './classes/console.ts';
export { describeVfb, type VfbConfig, type VncConfig } from './classes/framebuffer.ts';
export { describeVkb, type VkbConfig } from './classes/keyboard.ts';
export { describeP9fs, type P9fsConfig } from './classes/p9fs.ts';
export { describeVsnd, type SoundStream, type VsndConfig } from './classes/sound.ts';
export { describeVusb, type VusbConfig } from './classes/usb.ts';
export { describeVtpm, type VtpmConfig } from './classes/vtpm.ts';
export { attachDevices, describeDevices } from './of-config.ts';
