/** Properties that a VM has on `com.citrix.xenclient.xenmgr.vm.unrestricted` only; keys below `/vm/UUID`. */
import { range, type ComputedEntry, type StoredEntry } from '../property-row.ts';

export const VM_UNRESTRICTED_ENTRIES: readonly (ComputedEntry | StoredEntry)[] = [
  {
    name: 'stub_domid',
    type: 'i',
    source: 'xenstore /xenmgr/vms/<uuid>/stubdomid',
    effect: 'read-only',
    doc: 'Domid of the stub domain, -1 without one.',
  },
  {
    name: 'stubdom-cmdline',
    type: 's',
    key: 'config/stubdom-cmdline',
    default: '',
    xenvm: 'stubdom-cmdline',
    effect: 'next-boot',
    doc: 'Stub domain kernel command line. A stored value replaces the toolstack default.',
  },
  {
    name: 'stubdom-memory',
    type: 'i',
    key: 'config/stubdom-memory',
    default: 96,
    xenvm: 'stubdom-memory',
    check: range(8, 65536),
    effect: 'next-boot',
    doc: 'Memory of the stub domain in MiB.',
  },
];
