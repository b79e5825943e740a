/** The signals of the manager on the bus. A bus that is away hears nothing: who comes back reads everything anew. */
import type { Clock } from '@xenops/core/host';
import { BusError, objectPath } from '@xenops/rpcgen/runtime';
import type { ComCitrixXenclientXenmgrHostProperties } from '../generated/xenmgr_host.ts';
import type { ExportedObject } from '../objects/object-set.ts';
import { NO_PATH, vmPath } from '../objects/paths.ts';
import type { Announcer } from './announcer.ts';
import { Bundler } from './bundler.ts';

const CONFIG_DELAY_MS = 500;
const CD_DELAY_MS = 1000;

const ROOT = 'com.citrix.xenclient.xenmgr';
const DIAG = 'com.citrix.xenclient.xenmgr.diag';
const GUESTREQ = 'com.citrix.xenclient.xenmgr.guestreq';
const HOST = 'com.citrix.xenclient.xenmgr.host';

/** The objects that signals come from. */
export interface SignalSources {
  readonly root: ExportedObject;
  readonly host: ExportedObject;
}

/** Told of properties of VMs that have new values. */
export type VmPropertiesListener = (uuid: string, names: readonly string[]) => void;

/** Silent until it gets its sources: what happens before the objects are there, nobody could ask about. */
export class BusAnnouncer implements Announcer, Disposable {
  readonly #config: Bundler;
  readonly #cd: Bundler;
  /** Who has each CD drive, as it was last said. */
  readonly #cdOwners = new Map<string, string>();
  #sources: SignalSources | undefined;
  #onVmProperties: VmPropertiesListener = () => undefined;

  constructor(clock: Clock) {
    this.#config = new Bundler(clock, CONFIG_DELAY_MS, (uuid) =>
      this.#tell(({ root }) => root.emit(ROOT, 'vm_config_changed', [uuid, pathOf(uuid)])),
    );
    this.#cd = new Bundler(clock, CD_DELAY_MS, (device) => this.#tellCd(device));
  }

  /** From now on signals are sent. */
  connect(sources: SignalSources, onVmProperties: VmPropertiesListener): void {
    this.#sources = sources;
    this.#onVmProperties = onVmProperties;
  }

  vmCreated(uuid: string): void {
    this.#tell(({ root }) => root.emit(ROOT, 'vm_created', [uuid, pathOf(uuid)]));
  }

  vmDeleted(uuid: string): void {
    this.#config.drop(uuid);
    this.#tell(({ root }) => root.emit(ROOT, 'vm_deleted', [uuid, pathOf(uuid)]));
  }

  vmNameChanged(uuid: string): void {
    this.#tell(({ root }) => root.emit(ROOT, 'vm_name_changed', [uuid, pathOf(uuid)]));
  }

  vmStateChanged(uuid: string, state: string, acpiState: number): void {
    this.#tell(({ root }) =>
      root.emit(ROOT, 'vm_state_changed', [uuid, pathOf(uuid), state, acpiState]),
    );
  }

  vmConfigChanged(uuid: string): void {
    this.#config.add(uuid);
  }

  vmTransferChanged(uuid: string): void {
    this.#tell(({ root }) => root.emit(ROOT, 'vm_transfer_changed', [uuid, pathOf(uuid)]));
  }

  configChanged(): void {
    this.#tell(({ root }) => root.emit(ROOT, 'config_changed', []));
  }

  languageChanged(): void {
    this.#tell(({ root }) => root.emit(ROOT, 'language_changed', []));
  }

  cdAssignmentChanged(device: string, uuid: string): void {
    this.#cdOwners.set(device, uuid);
    this.#cd.add(device);
  }

  storageSpaceLow(percentFree: number): void {
    this.#tell(({ host }) => host.emit(HOST, 'storage_space_low', [percentFree]));
  }

  hostStateChanged(state: string): void {
    this.#tell(({ host }) => host.emit(HOST, 'state_changed', [state]));
    this.hostPropertiesChanged(['state']);
  }

  licenseChanged(): void {
    this.#tell(({ host }) => host.emit(HOST, 'license_changed', []));
    this.hostPropertiesChanged(['is-licensed']);
  }

  displayHandlerGpuChanged(): void {
    this.#tell(({ host }) => host.emit(HOST, 'displayhandler_gpu_changed', []));
  }

  gatherRequest(mode: string): void {
    this.#tell(({ root }) => root.emit(DIAG, 'gather_request', [mode]));
  }

  requestedAttention(uuid: string): void {
    this.#tell(({ root }) => root.emit(GUESTREQ, 'requested_attention', [uuid, pathOf(uuid)]));
  }

  vmPropertiesChanged(uuid: string, names: readonly string[]): void {
    this.#onVmProperties(uuid, names);
  }

  hostPropertiesChanged(names: readonly (keyof ComCitrixXenclientXenmgrHostProperties)[]): void {
    this.#sources?.host.changed(HOST, names);
  }

  /** Tells nothing more. */
  [Symbol.dispose](): void {
    this.#sources = undefined;
    this.#config[Symbol.dispose]();
    this.#cd[Symbol.dispose]();
  }

  #tellCd(device: string): void {
    const uuid = this.#cdOwners.get(device) ?? '';
    this.#tell(({ root }) =>
      root.emit(ROOT, 'cd_assignment_changed', [
        device,
        uuid,
        uuid === '' ? NOWHERE : pathOf(uuid),
      ]),
    );
  }

  /** A bus that is away hears nothing, and nobody who tells is disturbed by that. */
  #tell(act: (sources: SignalSources) => void): void {
    try {
      if (this.#sources !== undefined) act(this.#sources);
    } catch (error) {
      if (!(error instanceof BusError) || error.code !== 'DBUS_CLOSED') throw error;
    }
  }
}

const NOWHERE = objectPath(NO_PATH);

function pathOf(uuid: string): ReturnType<typeof objectPath> {
  return objectPath(vmPath(uuid));
}
