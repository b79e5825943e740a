/** The options of `xec-vm`. */
import type { OptionRow } from './options.ts';
import { COMMON_OPTIONS } from './xec-options.ts';

/** Those that say which VM is meant; the first of them that is given counts. */
export const VM_SELECTORS: readonly OptionRow[] = [
  { name: 'object', short: 'o', alias: 'path', values: ['PATH'], help: 'VM with this object' },
  { name: 'name', short: 'n', values: ['NAME'], help: 'first VM with this name' },
  { name: 'uuid', short: 'u', values: ['UUID'], help: 'VM with this uuid' },
  { name: 'domid', short: 'd', values: ['DOMID'], help: 'VM that runs as this domain' },
];

/** All of them. */
export const XEC_VM_OPTIONS: readonly OptionRow[] = [
  ...VM_SELECTORS,
  { name: 'disk', short: 'k', values: ['ID'], help: 'use this disk of the VM' },
  { name: 'nic', short: 'c', values: ['ID'], help: 'use this network interface of the VM' },
  { name: 'list-disks', values: [], help: 'print the objects of the disks' },
  { name: 'list-nics', values: [], help: 'print the objects of the network interfaces' },
  ...COMMON_OPTIONS,
];
