/**
 * The configuration of a VM: its file, its keys, `get` and `set`.
 *
 * ```ts
 * const { config, problems } = parseConfig('memory = 512\nkernel = /boot/vmlinuz\n');
 * ```
 */
export {
  CONFIG_KEYS,
  defaultConfig,
  findKeyRow,
  KEY_NAMES,
  KEY_ROWS,
  type KeyRow,
} from './config-keys.ts';
export type { Applies, ConfigKey } from './config-key.ts';
export {
  checkFile,
  configSchema,
  explainKeys,
  renderExplanations,
  renderReport,
  type ConfigReport,
  type ConfigSchema,
  type KeyExplanation,
} from './explain.ts';
export { getField, setField } from './fields.ts';
export { requiredToBootKib } from './footprint.ts';
export { guestTypeOf } from './guest-type.ts';
export { macOfVm, resolveNics, type Nic } from './nics.ts';
export { CONFIG_BYTES_MAX, parseConfig, type ParsedConfig } from './parse-config.ts';
export {
  refusing,
  renderProblem,
  type ConfigProblem,
  type ProblemKind,
  type Strictness,
} from './problem.ts';
export { configToJson, REDACTED, renderConfig, type JsonValue } from './render-config.ts';
export type { DiskCrypt, DiskSpec, DiskType, SnapshotMode } from './values/disk-line.ts';
export type { MacSource, NicSpec } from './values/nic-line.ts';
export { renderPciAddress, type PciAddressSpec, type PciSpec } from './values/pci-line.ts';
export type {
  Display,
  NotifyTarget,
  NumberRange,
  Pair,
  Startup,
  VcpuCpus,
} from './values/small.ts';
export { DISK } from './values/disk-line.ts';
export { NIC } from './values/nic-line.ts';
export { PCI } from './values/pci-line.ts';
export { findBoolean, findInteger } from './values/plain.ts';
export { END_ACTIONS, type ConfigField, type EndAction, type VmConfig } from './vm-config.ts';
