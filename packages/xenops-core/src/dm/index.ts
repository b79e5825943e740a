export { driveId, qemuArguments, STATE_FD } from './arguments.ts';
export { changeMedium, type Medium, type MediumOptions } from './cdrom.ts';
export { assertNotConfined } from './confinement.ts';
export {
  SOUND_CARDS,
  type DeviceModelConfig,
  type EmulatedDisk,
  type EmulatedNic,
  type SoundCard,
} from './config.ts';
export {
  adoptDeviceModel,
  DeviceModel,
  startDeviceModel,
  stopDeviceModel,
  type ModelOptions,
} from './device-model.ts';
export { QmpClient, QMP_TIMEOUTS, type QmpEvent, type QmpOptions } from './qmp.ts';
export { deviceModelConfig, needsDeviceModel, startDomainDeviceModel } from './from-config.ts';
export { findStubDomain } from './stub-record.ts';
export { startStubDomain, type StubDomainConfig } from './stub-domain.ts';
export type { DeviceModelExtras } from './from-config.ts';
