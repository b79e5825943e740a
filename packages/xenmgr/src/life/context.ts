/** What the parts of the life of VMs share. */
import { withDeadline } from '@xenops/core/lifetime';
import { confinedPath } from '../manager/confined-path.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { View } from '../db/view.ts';
import { vmSettings, type Settings } from '../vm-config/vm-settings.ts';
import type { LifePart, StartOptions } from './life.ts';
import type { MemoryRoom } from './memory-room.ts';
import type { LifeNodes } from './nodes.ts';
import type { VmRecord } from './vm-record.ts';

/** What the rest of the manager answers, or is told. */
export interface LifeOptions {
  /** Whether the host neither goes down nor sleeps, so that VMs may be started. */
  readonly isHostIdle: () => boolean;
  /** A VM that has the power of the host (`control-platform-power-state`) does this. */
  readonly onPowerLink?: (
    uuid: string,
    action: 'sleep' | 'hibernate' | 'shutdown',
  ) => Promise<void>;
  /** A measured disk is not as it was: the configured action of the host. */
  readonly onMeasurementFailed?: (uuid: string) => Promise<void>;
  /** Four numbers with dots: the version of the PV drivers that belong to this host. */
  readonly toolsVersion?: string;
}

/** What it works with: of the bus, no more than calling. */
export interface LifeSurroundings extends Omit<Surroundings, 'bus'> {
  readonly bus: Pick<Surroundings['bus'], 'call'>;
}

export interface LifeContext extends LifeSurroundings {
  readonly parts: readonly LifePart[];
  readonly options: LifeOptions;
  readonly nodes: LifeNodes;
  readonly memory: MemoryRoom;
  readonly records: ReadonlyMap<string, VmRecord>;
  /** Starts another VM, or the same one again. */
  readonly start: (uuid: string, options?: StartOptions) => Promise<void>;
  /** All that a VM needs, each behind what it needs itself. */
  readonly dependencies: (uuid: string) => Promise<readonly string[]>;
  /** What each VM needs at once. */
  readonly edges: () => Promise<ReadonlyMap<string, readonly string[]>>;
  readonly runHook: (
    uuid: string,
    hook: string,
    args: readonly string[],
    signal?: AbortSignal,
  ) => Promise<void>;
}

/** The record of a VM. Throws ManagerError NOT_FOUND. */
export function recordOf({ records }: Pick<LifeContext, 'records'>, uuid: string): VmRecord {
  const record = records.get(uuid);
  if (record !== undefined) return record;
  throw new ManagerError('NOT_FOUND', { message: `There is no VM ${uuid}`, context: { uuid } });
}

/** The settings of a VM as they are now. */
export function settingsOf(
  { database }: { readonly database: { view(): View } },
  uuid: string,
): Settings {
  return vmSettings(database.view(), uuid);
}

/** The path of a memory image, to be written or read: what comes out of one runs, and what is written replaces a file. Rejects with BAD_VALUE. */
export function memoryImage({ places }: LifeContext, file: string): Promise<string> {
  return confinedPath(places.memoryImages, file, 'A memory image');
}

/** For what a part does before a domain is there: disks may have to be read as a whole. */
export const CHECK_TIMEOUT_MS = 900_000;
/** For what a part does while a guest waits for it. */
export const PART_TIMEOUT_MS = 120_000;

/** Asks one part, and does not wait for it longer than this, nor when the signal fires. */
export async function askPart<T>(
  { host }: Pick<LifeContext, 'host'>,
  { name }: LifePart,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
  ask: (signal: AbortSignal) => Promise<T> | undefined,
): Promise<T | undefined> {
  const { clock } = host.services;
  return withDeadline({ what: name }, { timeoutMs, signal, clock }, async (stop) => ask(stop));
}

/** Asks each part in turn; what one throws is logged and the next is asked all the same. */
export async function tellParts(
  life: LifeContext,
  uuid: string,
  tell: (part: LifePart, signal: AbortSignal) => Promise<void> | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const { parts, log } = life;
  const options = { timeoutMs: PART_TIMEOUT_MS, signal };
  for (const part of parts) {
    try {
      await askPart(life, part, options, (stop) => tell(part, stop));
    } catch (error) {
      log.child({ vm: uuid }).log('error', `${part.name} met a fault`, error);
    }
  }
}
