/** Things that dead domains and dead processes can leave behind. */
import type { DeviceAddress } from '../devices/device.ts';
import type { ProcessIdentity } from '../host/host-services.ts';
import type { PciAddress } from '../hypervisor/pci-address.ts';
import type { Domid, VmUuid } from '../ids.ts';

export type Leftover =
  /** A device model whose domain is gone. */
  | { readonly kind: 'device-model'; readonly domid: Domid; readonly process: ProcessIdentity }
  /** A device that the record of a dead domain still names: its hotplug may never have been undone. */
  | { readonly kind: 'device'; readonly domid: Domid; readonly address: DeviceAddress }
  /** A loop device that served a disk of a dead domain. */
  | {
      readonly kind: 'loop-device';
      readonly domid: Domid;
      readonly devicePath: string;
      readonly filePath: string;
    }
  /** A PCI device that is on record as a dead domain's. */
  | { readonly kind: 'pci-device'; readonly domid: Domid; readonly address: PciAddress }
  /** A back-end's folder for a dead domain. */
  | {
      readonly kind: 'backend';
      readonly domid: Domid;
      readonly backend: Domid;
      readonly backendKind: string;
    }
  /** What a device model and the toolstack shared about a dead domain. */
  | { readonly kind: 'device-model-nodes'; readonly domid: Domid }
  /** The trusted record of a dead domain. */
  | { readonly kind: 'record'; readonly domid: Domid }
  /** The nodes of a dead domain. */
  | { readonly kind: 'domain-nodes'; readonly domid: Domid }
  /** What outlives a domid, of a VM that no domain runs. */
  | { readonly kind: 'vm-nodes'; readonly uuid: VmUuid }
  /** The mark of a build whose process is dead: its domain, if it has one, is half built. */
  | { readonly kind: 'build-mark'; readonly domid: Domid }
  /** A file that a dead process was writing, or that was kept about a dead domain. */
  | { readonly kind: 'file'; readonly filePath: string }
  /** A domain that Xen cannot take back because somebody maps its memory. Nothing but that somebody's end repairs it. */
  | { readonly kind: 'zombie'; readonly domid: Domid; readonly uuid: VmUuid };
