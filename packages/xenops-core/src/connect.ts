/**
 * From a URI to a host: `xen:` is this Dom0, `sim:` and `sim:PATH` the embedded host whose sockets lie in folder PATH.
 * The provider is loaded by name at run time, so that using one does not load the other, nor an addon that is not there.
 */
import type { Hypervisor } from './hypervisor/hypervisor.ts';
import type { XenStore } from './xenstore/xenstore.ts';

/** A host to work on; disposing closes both parts. */
export interface Host extends AsyncDisposable {
  readonly uri: string;
  readonly hypervisor: Hypervisor;
  readonly store: XenStore;
}
