/** The host on the bus: `com.citrix.xenclient.xenmgr.host`, with the installer and the power settings beside it. */
import path from 'node:path';
import {
  ComCitrixXenclientXenmgrHostDescription,
  type ComCitrixXenclientXenmgrHostHandlers,
} from '../generated/xenmgr_host.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostText } from '../objects/host-settings.ts';
import type { Served } from '../objects/object-set.ts';
import {
  propertyHandlers,
  type ComputedSource,
  type SetEffect,
} from '../objects/property-handlers.ts';
import { HOST_PROPERTIES } from '../properties/properties.ts';
import { readLanguage } from '../root/language.ts';
import { knownUuid } from '../root/root-object.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { assignCd, cdDrives, cdOwner, checkedDrive, ejectCd } from './cd-drives.ts';
import { listNames } from './files.ts';
import {
  displayHandlerCards,
  displayHandlerGpus,
  listGpus,
  placementOf,
  placeGpu,
  setDisplayHandler,
} from './gpus.ts';
import { hostFacts } from './host-facts.ts';
import { installerInterface } from './installer-object.ts';
import { isLicensed, setLicense } from './license.ts';
import { hex4, hostPciDevices, PciNames } from './pci-devices.ts';
import type { HostPower } from './power.ts';
import { powerSettingsInterface } from './power-settings-object.ts';
import { pcmDevices, readControl, soundCards, soundControls, writeControl } from './sound.ts';

type Methods = ComCitrixXenclientXenmgrHostHandlers['methods'];
type Row = ReadonlyMap<string, string>;

const EMPTY_CD = 'null.iso';
const SECONDS_MAX = 2 ** 31 - 1;

/** The interfaces of the host. */
export function hostInterfaces(manager: Manager, power: HostPower): readonly Served[] {
  const names = new PciNames(manager.places);
  return [
    {
      description: ComCitrixXenclientXenmgrHostDescription,
      implementation: {
        methods: {
          ...powerMethods(power),
          ...cdMethods(manager),
          ...soundMethods(manager),
          ...gpuMethods(manager, names),
          ...otherMethods(manager, names),
        },
        properties: propertyHandlers({
          database: manager.database,
          rows: HOST_PROPERTIES,
          targetOf: () => undefined,
          nodeOf: () => '',
          computed: computedSources(manager, power, names),
          effects: pcmEffects(manager),
        }),
      },
    },
    installerInterface(manager, () => readLanguage(manager.places)),
    powerSettingsInterface(manager.database),
  ];
}

function powerMethods(
  power: HostPower,
): Pick<Methods, 'shutdown' | 'shutdown_idle' | 'reboot' | 'sleep' | 'hibernate'> {
  return {
    shutdown: () => power.request('shutdown'),
    shutdown_idle: () => power.shutDownIdle(),
    reboot: () => power.request('reboot'),
    sleep: () => power.request('sleep'),
    hibernate: () => power.request('hibernate'),
  };
}

function cdMethods(
  manager: Manager,
): Pick<
  Methods,
  'assign_cd_device' | 'eject_cd_device' | 'get_cd_device_assignment' | 'list_cd_devices'
> {
  const { database, places } = manager;
  return {
    assign_cd_device: (id, isSticky, text) => {
      const uuid = text === '' ? '' : knownUuid(database.view(), text);
      return assignCd(manager, id, { isSticky, uuid });
    },
    eject_cd_device: async (id) => ejectCd(manager, await checkedDrive(places, id)),
    get_cd_device_assignment: async (id) => {
      const { isSticky, uuid } = await cdOwner(manager, await checkedDrive(places, id));
      return [isSticky, uuid] as const;
    },
    list_cd_devices: async () =>
      Promise.all(
        (await cdDrives(places)).map(async ({ id, name }) => {
          const { isSticky, uuid } = await cdOwner(manager, id);
          return rowOf({ id, name, vm: uuid, 'vm-sticky': String(isSticky), 'usb-id': '' });
        }),
      ),
  };
}

function soundMethods(
  manager: Manager,
): Pick<
  Methods,
  | 'get_sound_card_control'
  | 'list_capture_devices'
  | 'list_playback_devices'
  | 'list_sound_card_controls'
  | 'list_sound_cards'
  | 'set_sound_card_control'
> {
  const { places } = manager;
  return {
    get_sound_card_control: (card, control) => readControl(manager, card, control),
    set_sound_card_control: (card, control, value) =>
      writeControl(manager, { card, control, value }),
    list_sound_card_controls: (card) => soundControls(manager, card),
    list_sound_cards: () => soundCards(places),
    list_playback_devices: () => pcmDevices(places, 'playback'),
    list_capture_devices: () => pcmDevices(places, 'capture'),
  };
}

function gpuMethods(
  manager: Manager,
  names: PciNames,
): Pick<
  Methods,
  | 'configure_gpu_placement'
  | 'get_gpu_placement'
  | 'list_gpu_devices'
  | 'set_displayhandler_gpu'
  | 'get_displayhandler_gpu'
  | 'list_gpus_for_displayhandler'
> {
  return {
    configure_gpu_placement: (id, slot) => placeGpu(manager, id, slot),
    get_gpu_placement: (id) => placementOf(manager, id),
    list_gpu_devices: () => listGpus(manager, names),
    set_displayhandler_gpu: (text) => setDisplayHandler(manager, text),
    get_displayhandler_gpu: () => displayHandlerCards(manager),
    list_gpus_for_displayhandler: () => displayHandlerGpus(manager, names),
  };
}

function otherMethods(
  manager: Manager,
  names: PciNames,
): Pick<
  Methods,
  | 'get_seconds_from_epoch'
  | 'is_service_running'
  | 'list_disk_devices'
  | 'list_isos'
  | 'list_pci_devices'
  | 'list_ui_plugins'
  | 'set_license'
> {
  const { database, host, peers, places } = manager;
  return {
    // The signature has 32 bits, which end in 2038.
    get_seconds_from_epoch: () =>
      Math.min(Math.floor(host.services.clock.nowMs() / 1000), SECONDS_MAX),
    is_service_running: (name) => peers.isOwned(name),
    list_disk_devices: async () =>
      (await listNames(path.join(places.sys, 'block')))
        .filter((name) => /^(sd|hd|vd|xvd|nvme)/.test(name))
        .map((name) => rowOf({ udi: `/sys/block/${name}`, 'block-device': `/dev/${name}` })),
    list_isos: async () =>
      (await listNames(hostText(database.view(), 'iso-path'))).filter(
        (name) => name.endsWith('.iso') && name !== EMPTY_CD,
      ),
    list_pci_devices: async () =>
      Promise.all(
        (await hostPciDevices(places)).map(async (device) =>
          rowOf({
            addr: device.address,
            name: await names.nameOf(device),
            class: hex4(device.class),
            'vendor-id': hex4(device.vendor),
            'device-id': hex4(device.device),
          }),
        ),
      ),
    list_ui_plugins: (folder) => {
      if (folder.startsWith('/') || folder.split('/').includes('..')) {
        throw new ManagerError('BAD_VALUE', { message: 'The folder is relative and has no ..' });
      }
      return listNames(path.join(places.uiPlugins, folder));
    },
    set_license: (expiry, deviceUuid, hash) => setLicense(manager, { expiry, deviceUuid, hash }),
  };
}

const UI_READY = '/xenmgr/ui-ready';

function computedSources(
  manager: Manager,
  power: HostPower,
  names: PciNames,
): Readonly<Record<string, ComputedSource<undefined>>> {
  const { host, log, announce } = manager;
  const facts = Object.entries(hostFacts(manager, names)).map(
    ([name, get]) => [name, { get }] as const,
  );
  return {
    ...Object.fromEntries(facts),
    'is-licensed': { get: () => isLicensed(manager) },
    state: { get: () => power.state },
    'ui-ready': {
      get: async () => (await host.store.find(UI_READY)) === 'true',
      async set(_host, isReady: boolean) {
        // Once said, it stays.
        if (!isReady || (await host.store.find(UI_READY)) === 'true') return;
        await host.store.write(UI_READY, 'true');
        announce.hostPropertiesChanged(['ui-ready']);
        log.log('info', 'The user interface is ready');
        showFallback(manager).catch((error: unknown) => {
          log.log('info', 'No VM is shown for the user interface', error);
        });
      },
    },
  };
}

/** Shows the VM that others fall back to, where nothing has keyboard and mouse. */
async function showFallback({ database, life, peers }: Manager): Promise<void> {
  if ((await peers.input.focusDomid()) >= 0) return;
  const view = database.view();
  const fallback = vmUuids(view).find(
    (uuid) => vmSettings(view, uuid).flag('provides-graphics-fallback') && life.domid(uuid) >= 0,
  );
  if (fallback !== undefined) await life.switchTo(fallback);
}

/** Sound goes to another device at once, where the script for it is there. */
function pcmEffects({ run, log }: Manager): Readonly<Record<string, SetEffect<undefined>>> {
  const after = async (): Promise<void> => {
    await run('update-pcm-config', []).catch((error: unknown) => {
      log.log('warn', 'The sound devices are used from the next start on', error);
    });
  };
  return { 'playback-pcm': { after }, 'capture-pcm': { after } };
}

function rowOf(fields: Readonly<Record<string, string>>): Row {
  return new Map(Object.entries(fields));
}
