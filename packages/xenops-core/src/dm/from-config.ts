/** The device model of a whole domain, from the configuration that it is built and saved with. */
import type { DomainConfig } from '../domain/xl-config.ts';
import { VIDEO_KIB_DEFAULT } from '../domain/build-config.ts';
import { EMULATED_CARDS } from '../devices/classes/vif.ts';
import { parseDiskName } from '../devices/disk-number.ts';
import { getHotplug } from '../hotplug/get-hotplug.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import type { DeviceModelConfig } from './config.ts';
import { startDeviceModel, type DeviceModel, type ModelOptions } from './device-model.ts';

/** What the configuration of the domain leaves open. */
export type DeviceModelExtras = Pick<
  DeviceModelConfig,
  | 'vnc'
  | 'keymap'
  | 'card'
  | 'bootOrder'
  | 'directKernel'
  | 'serials'
  | 'usbTablet'
  | 'sound'
  | 'statePath'
  | 'extraArgs'
  | 'qemuPath'
  | 'isConfined'
>;

/** What a device model is started with for this domain. Disks without an emulated controller, and nics without a card, are left out. */
export function deviceModelConfig(
  domid: Domid,
  { name, build, disks, nics }: DomainConfig,
  extras: DeviceModelExtras = {},
): DeviceModelConfig {
  const videoKib = build.kind === 'hvm' ? (build.videoMemoryKib ?? VIDEO_KIB_DEFAULT) : 0;
  return {
    directKernel: build.kind === 'hvm' ? build.directKernel : undefined,
    isConfined: build.kind === 'hvm' ? build.isModelConfined : undefined,
    ...extras,
    domid,
    name,
    guestType: build.kind,
    memoryKib: (build.maxMemoryKib ?? build.memoryKib) - videoKib,
    vcpus: build.vcpus,
    onlineVcpus: build.onlineVcpus ?? build.vcpus,
    videoMemoryKib: videoKib,
    disks: disks.flatMap((disk) =>
      build.kind === 'hvm' && parseDiskName(disk.vdev).disk < 16
        ? [
            {
              vdev: disk.vdev,
              path: disk.target,
              format: disk.format ?? 'raw',
              readOnly: disk.readOnly,
              isCdrom: disk.isCdrom ?? false,
            },
          ]
        : [],
    ),
    nics: nics.flatMap(({ devid, mac, network, isEmulated, emulatedCard = EMULATED_CARDS[0] }) =>
      isEmulated === true ? [{ devid, mac, model: emulatedCard, bridge: network.bridge }] : [],
    ),
  };
}

/** Whether the domain needs one: an HVM guest always does, others for what only it serves. */
export function needsDeviceModel({ build, disks }: DomainConfig): boolean {
  if (build.kind === 'hvm') return true;
  return disks.some(({ format = 'raw', backend, target }) =>
    backend === undefined
      ? format !== 'raw' || target === ''
      : backend === 'qdisk' || backend === 'nbd',
  );
}

/** Starts it, and connects the taps of its emulated cards to their bridges. Rejects as `startDeviceModel`, and with HOTPLUG_FAILED. */
export async function startDomainDeviceModel(
  host: Host,
  config: DeviceModelConfig,
  options: ModelOptions = {},
): Promise<DeviceModel> {
  const model = await startDeviceModel(host, config, options);
  for (const { devid, bridge } of config.nics) {
    await getHotplug(host).joinBridge(`vif${config.domid}.${devid}-emu`, bridge);
  }
  return model;
}
