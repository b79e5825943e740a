/** All properties, by the D-Bus interfaces that have them. */
import { completeRows, type PropertyRow } from './property-row.ts';
import { CONFIG_ENTRIES } from './tables/config-properties.ts';
import { DISK_ENTRIES } from './tables/disk-properties.ts';
import { HOST_ENTRIES } from './tables/host-properties.ts';
import { NIC_ENTRIES } from './tables/nic-properties.ts';
import { UI_ENTRIES } from './tables/ui-properties.ts';
import { VM_COMPUTED_ENTRIES } from './tables/vm-computed-properties.ts';
import { VM_DISPLAY_ENTRIES } from './tables/vm-display-properties.ts';
import { VM_HARDWARE_ENTRIES } from './tables/vm-hardware-properties.ts';
import { VM_MANAGEMENT_ENTRIES } from './tables/vm-management-properties.ts';
import { VM_POLICY_ENTRIES } from './tables/vm-policy-properties.ts';
import { VM_UNRESTRICTED_ENTRIES } from './tables/vm-unrestricted-properties.ts';

const VM_ENTRIES = [
  ...VM_HARDWARE_ENTRIES,
  ...VM_MANAGEMENT_ENTRIES,
  ...VM_POLICY_ENTRIES,
  ...VM_DISPLAY_ENTRIES,
  ...VM_COMPUTED_ENTRIES,
];

const GATE = 'modify-vm-settings';

/** Properties of a VM as its owner may set them. */
export const VM_PROPERTIES: readonly PropertyRow[] = completeRows(VM_ENTRIES, GATE);
/** Properties of a VM for those above the policy. */
export const VM_UNRESTRICTED_PROPERTIES: readonly PropertyRow[] = completeRows([
  ...VM_ENTRIES,
  ...VM_UNRESTRICTED_ENTRIES,
]);
/** The policy guards disks and NICs as well: they are settings of the VM. */
export const DISK_PROPERTIES: readonly PropertyRow[] = completeRows(DISK_ENTRIES, GATE);
export const NIC_PROPERTIES: readonly PropertyRow[] = completeRows(NIC_ENTRIES, GATE);
export const CONFIG_PROPERTIES: readonly PropertyRow[] = completeRows(CONFIG_ENTRIES);
export const UI_PROPERTIES: readonly PropertyRow[] = completeRows(UI_ENTRIES);
export const HOST_PROPERTIES: readonly PropertyRow[] = completeRows(HOST_ENTRIES);

/** The properties of each interface. */
export const PROPERTIES_OF: Readonly<Record<string, readonly PropertyRow[]>> = {
  'com.citrix.xenclient.xenmgr.config': CONFIG_PROPERTIES,
  'com.citrix.xenclient.xenmgr.config.ui': UI_PROPERTIES,
  'com.citrix.xenclient.xenmgr.host': HOST_PROPERTIES,
  'com.citrix.xenclient.xenmgr.vm': VM_PROPERTIES,
  'com.citrix.xenclient.xenmgr.vm.unrestricted': VM_UNRESTRICTED_PROPERTIES,
  'com.citrix.xenclient.vmdisk': DISK_PROPERTIES,
  'com.citrix.xenclient.vmnic': NIC_PROPERTIES,
};

/** The row of a property in a table, or undefined. */
export function findProperty(rows: readonly PropertyRow[], name: string): PropertyRow | undefined {
  return rows.find((row) => row.name === name);
}
