/** From the nodes of a VM in the database that have changed to the properties that have. */
import { VM_UNRESTRICTED_PROPERTIES } from '../properties/properties.ts';

const NAMES_BY_KEY = new Map<string, string[]>();
for (const row of VM_UNRESTRICTED_PROPERTIES) {
  if (row.kind !== 'stored') continue;
  NAMES_BY_KEY.set(row.key, [...(NAMES_BY_KEY.get(row.key) ?? []), row.name]);
}

/** What is read where something else is not set, or while it is set. */
const FOLLOWING = new Map<string, readonly string[]>([
  ...VM_UNRESTRICTED_PROPERTIES.map(({ name }) => [name, followersOf(name)] as const),
  ['seamless-traffic', ['portica-enabled']],
  ['portica-installed', ['portica-enabled']],
  ['depends-on', ['dependencies']],
]);

function followersOf(name: string): readonly string[] {
  return VM_UNRESTRICTED_PROPERTIES.flatMap((row) => {
    if (row.kind !== 'stored') return [];
    const isPreset = name === 'native-experience' && row.nativeExperience !== undefined;
    return isPreset || row.defaultFrom === name ? [row.name] : [];
  });
}

/** Properties that follow from the disks and NICs. */
const FROM_DISKS: readonly string[] = ['cd', 'private-space'];
const FROM_NICS: readonly string[] = ['mac', 'wired-network', 'wireless-network', 'dependencies'];

/** The names of the properties that these keys, relative to the VM, may have changed. */
export function changedProperties(keys: readonly string[]): readonly string[] {
  const names = keys.flatMap((key) => {
    if (key.startsWith('config/disk/')) return FROM_DISKS;
    if (key.startsWith('config/nic/')) return FROM_NICS;
    // Items of a list lie below the node of their property.
    return NAMES_BY_KEY.get(key) ?? NAMES_BY_KEY.get(key.replace(/\/[^/]*$/, '')) ?? [];
  });
  return [...new Set(names.flatMap((name) => [name, ...(FOLLOWING.get(name) ?? [])]))];
}

/** Changes of these alone are no change of the configuration: they have signals of their own, or none. */
const QUIET_KEYS: readonly string[] = ['download-progress', 'portica-installed', 'portica-enabled'];

/** Whether a change of these keys is one of the configuration. */
export function isConfigChange(keys: readonly string[]): boolean {
  return keys.some((key) => !QUIET_KEYS.includes(key));
}
