import type { ComCitrixXenclientXenmgrHostProperties } from '../generated/xenmgr_host.ts';

/** The historical signals of the manager. Where they are emitted is nobody else's business. */
export interface Announcer {
  vmCreated(uuid: string): void;
  vmDeleted(uuid: string): void;
  vmNameChanged(uuid: string): void;
  /** `state` is the public text, `acpiState` the number. */
  vmStateChanged(uuid: string, state: string, acpiState: number): void;
  /** A stored setting has changed. Bundled: at most one signal in half a second for a VM, and never put off without end. */
  vmConfigChanged(uuid: string): void;
  vmTransferChanged(uuid: string): void;
  /** A property of the manager itself has changed. */
  configChanged(): void;
  languageChanged(): void;
  /** `uuid` is empty for a drive that nobody has. Bundled as `vmConfigChanged`. */
  cdAssignmentChanged(device: string, uuid: string): void;
  storageSpaceLow(percentFree: number): void;
  hostStateChanged(state: string): void;
  licenseChanged(): void;
  displayHandlerGpuChanged(): void;
  gatherRequest(mode: string): void;
  requestedAttention(uuid: string): void;
  /** Properties of a VM, by the names of `com.citrix.xenclient.xenmgr.vm`, have new values: PropertiesChanged. */
  vmPropertiesChanged(uuid: string, names: readonly string[]): void;
  /** The same for the host. */
  hostPropertiesChanged(names: readonly (keyof ComCitrixXenclientXenmgrHostProperties)[]): void;
}
