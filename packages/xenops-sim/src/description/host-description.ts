/**
 * What a simulated machine is made of: a JSON file, or the same as an object. Everything may be left out. Sizes in KiB,
 * PCI addresses as sysfs writes them.
 */
import { readFile } from 'node:fs/promises';
import { ConfigError } from '@xenops/core/errors';
import { findPciAddress } from '@xenops/core/hypervisor';
import { BACKEND_TEMPERS, type BackendTemper } from '../backends/backend-temper.ts';

/** One NUMA node. */
export interface NodeDescription {
  readonly memoryKib: number;
  /** Cpus of the machine, each on one node. */
  readonly cpuCount: number;
  /** To each node by number; 10 to itself and 20 to others unless said. */
  readonly distances?: readonly number[];
}

/** One PCI device. */
export interface PciDescription {
  readonly address: string;
  /** Devices of one group can only be given away together; a group of its own unless said. */
  readonly group?: number;
}

export interface FlaskDescription {
  readonly isEnforcing: boolean;
  /** Security identifiers by label, besides the initial ones. */
  readonly labels?: Readonly<Record<string, number>>;
}

export interface HostDescription {
  /** Memory of the machine; 8 GiB unless said. Nodes say it if there are any. */
  readonly memoryKib?: number | undefined;
  /** Physical cpus; 4 unless said. */
  readonly cpuCount?: number | undefined;
  /** Memory of Dom0; 1 GiB, or half of a smaller machine, unless said. */
  readonly dom0MemoryKib?: number | undefined;
  readonly threadsPerCore?: number | undefined;
  readonly nodes?: readonly NodeDescription[] | undefined;
  /** Of the pool that all cpus are in at first; credit2 unless said. */
  readonly scheduler?: 'credit' | 'credit2' | undefined;
  /** How fast memory of dead domains becomes free; at once unless said. */
  readonly scrubKibPerSecond?: number | undefined;
  readonly hasIommu?: boolean | undefined;
  readonly pci?: readonly PciDescription[] | undefined;
  /** FLASK is off unless described. */
  readonly flask?: FlaskDescription | undefined;
  /** How back-ends of a kind behave; like Linux unless said. */
  readonly backends?: Readonly<Record<string, BackendTemper>> | undefined;
}

/** Reads a description. Rejects with CONFIG_BAD_VALUE, which names the key, or what is wrong with the file. */
export async function readDescription(file: string): Promise<HostDescription> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw bad(`The description ${file} cannot be read`, cause);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(`The description ${file} is no JSON`, cause);
  }
  return checkDescription(value);
}

/** The value as a description. Throws CONFIG_BAD_VALUE, which names the key. */
export function checkDescription(value: unknown): HostDescription {
  DESCRIPTION(value, 'the description');
  // Every key has just been checked.
  return value as HostDescription;
}

type Check = (value: unknown, where: string) => void;

const DESCRIPTION: Check = objectOf({
  memoryKib: wholeFrom(262_144),
  cpuCount: wholeFrom(1),
  dom0MemoryKib: wholeFrom(1024),
  threadsPerCore: wholeFrom(1),
  nodes: listOf(
    objectOf(
      { memoryKib: wholeFrom(65_536), cpuCount: wholeFrom(0), distances: listOf(wholeFrom(10)) },
      ['memoryKib', 'cpuCount'],
    ),
  ),
  scheduler: oneOf(['credit', 'credit2']),
  scrubKibPerSecond: wholeFrom(4),
  hasIommu: flag,
  pci: listOf(objectOf({ address: pciAddress, group: wholeFrom(0) }, ['address'])),
  flask: objectOf({ isEnforcing: flag, labels: mapOf(wholeFrom(1)) }, ['isEnforcing']),
  backends: mapOf(
    objectOf({ delayMs: wholeFrom(0), failure: oneOf(BACKEND_TEMPERS), error: text }),
  ),
});

function objectOf(keys: Readonly<Record<string, Check>>, required: readonly string[] = []): Check {
  return (value, where) => {
    const entries = entriesOf(value, where);
    for (const [key, part] of entries) {
      const check = keys[key];
      if (check === undefined) {
        throw bad(`${where} has no key "${key}", only ${Object.keys(keys).join(', ')}`);
      }
      check(part, `${key} in ${where}`);
    }
    const missing = required.find((key) => !entries.some(([name]) => name === key));
    if (missing !== undefined) throw bad(`${where} needs ${missing}`);
  };
}

function mapOf(check: Check): Check {
  return (value, where) => {
    for (const [key, part] of entriesOf(value, where)) check(part, `"${key}" in ${where}`);
  };
}

function entriesOf(value: unknown, where: string): readonly [string, unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.entries(value).filter(([, part]) => part !== undefined);
  }
  throw bad(`${where} must be an object`);
}

function listOf(check: Check): Check {
  return (value, where) => {
    if (!Array.isArray(value)) throw bad(`${where} must be a list`);
    for (const [index, part] of value.entries()) check(part, `entry ${index} of ${where}`);
  };
}

function wholeFrom(min: number): Check {
  return (value, where) => {
    if (Number.isSafeInteger(value) && Number(value) >= min) return;
    throw bad(`${where} must be a whole number from ${min}`);
  };
}

function oneOf(choices: readonly string[]): Check {
  return (value, where) => {
    if (typeof value === 'string' && choices.includes(value)) return;
    throw bad(`${where} must be one of ${choices.join(', ')}`);
  };
}

function flag(value: unknown, where: string): void {
  if (typeof value !== 'boolean') throw bad(`${where} must be true or false`);
}

function text(value: unknown, where: string): void {
  if (typeof value !== 'string') throw bad(`${where} must be a text`);
}

function pciAddress(value: unknown, where: string): void {
  if (typeof value === 'string' && findPciAddress(value) !== undefined) return;
  throw bad(`${where} must be a PCI address such as 0000:03:00.0`);
}

function bad(message: string, cause?: unknown): ConfigError {
  const capital = message.charAt(0).toUpperCase() + message.slice(1);
  return new ConfigError('CONFIG_BAD_VALUE', {
    message: capital,
    ...(cause === undefined ? {} : { cause }),
  });
}
