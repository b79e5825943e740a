/** The power of a guest, in the numbers of ACPI. */
import { settingsOf, type LifeContext } from './context.ts';
import type { VmRecord } from './vm-record.ts';

const ASLEEP = 3;
const HIBERNATED = 4;
const OFF = 5;

/** 0 awake, 3 asleep, 4 hibernated, 5 off. */
export function acpiStateOf(life: Pick<LifeContext, 'database'>, record: VmRecord): number {
  if (record.isAlive) return record.acpi === ASLEEP ? ASLEEP : 0;
  return settingsOf(life, record.uuid).flag('hibernated') ? HIBERNATED : OFF;
}
