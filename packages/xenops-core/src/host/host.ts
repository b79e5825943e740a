import type { HotplugServices } from '../hotplug/hotplug-services.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import type { PciSysfs } from '../pci/pci-sysfs.ts';
import type { XenStore } from '../xenstore/xenstore.ts';
import type { HostServices } from './host-services.ts';

/** A host to work on; disposing closes its parts. */
export interface Host extends AsyncDisposable {
  /** What it was opened by: `xen:`, `sim:PATH`. */
  readonly uri: string;
  readonly hypervisor: Hypervisor;
  readonly store: XenStore;
  /**
   * A further connection to xenstore, which the caller disposes of. oxenstored stalls a connection that writes where a
   * guest watches and never reads, so each VM that is looked after has its own; absent where there is only `store`.
   */
  openStore?(): Promise<XenStore>;
  readonly services: HostServices;
  /** Loop devices, bridges and scripts; absent where devices cannot be connected. */
  readonly hotplug?: HotplugServices;
  /** The machine's PCI devices, in place of the kernel's own. */
  readonly pci?: PciSysfs;
}
