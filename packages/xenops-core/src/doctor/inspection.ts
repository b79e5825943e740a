/** What the doctor looks at, as plain data. Domids in it may be those of living and of dead domains. */
import type { DeviceAddress } from '../devices/device.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import type { UsedLoopDevice } from '../hotplug/hotplug-services.ts';
import type { PciAddress } from '../hypervisor/pci-address.ts';
import type { Domid, VmUuid } from '../ids.ts';

export interface SeenDomain {
  readonly domid: Domid;
  readonly uuid: VmUuid;
  readonly dying: boolean;
}

export interface SeenBackend {
  readonly backend: Domid;
  readonly backendKind: string;
  readonly frontend: Domid;
}

/** A loop device, as a record of Dom0's names it. */
export interface RecordedLoop {
  readonly domid: Domid;
  readonly devicePath: string;
  /** The file it was set up for; undefined where nobody wrote that down. */
  readonly filePath: string | undefined;
}

export interface Inspection {
  /** Every domain that Xen had before or after the rest was looked at: what is under way is nobody's leftover. */
  readonly domains: readonly SeenDomain[];
  /** Folders below `/local/domain`. */
  readonly domainNodes: readonly Domid[];
  /** Folders below `/vm`. */
  readonly vmNodes: readonly VmUuid[];
  /** Folders below `/libxl`. */
  readonly records: readonly Domid[];
  /** Devices in those records. */
  readonly devices: readonly DeviceAddress[];
  readonly backends: readonly SeenBackend[];
  /** Folders below `/local/domain/0/device-model`. */
  readonly deviceModelNodes: readonly Domid[];
  /** Device models that run. */
  readonly deviceModels: readonly { readonly domid: Domid; readonly process: ProcessIdentity }[];
  /** Loop devices in use on this machine. */
  readonly loops: readonly UsedLoopDevice[];
  readonly recordedLoops: readonly RecordedLoop[];
  readonly pciOwners: readonly { readonly address: PciAddress; readonly domid: Domid }[];
  /** Marks of builds whose process is dead. */
  readonly deadBuilds: readonly Domid[];
  /** Files that name a domain. */
  readonly domainFiles: readonly {
    readonly filePath: string;
    readonly domid: Domid;
    readonly uuid?: VmUuid;
  }[];
  /** Files that a process that is dead was writing. */
  readonly drafts: readonly string[];
}
