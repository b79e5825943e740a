/**
 * The disks of VMs that need more than their image: made ready before a guest starts, given back when it is gone. The guest's own changes
 * live as long as somebody may need them: a boot's layer goes with the boot, unless the guest lies in an image or hibernates.
 */
import { DomainError } from '@xenops/core/errors';
import type { Clock } from '@xenops/core/host';
import type { VmUuid } from '@xenops/core/ids';
import type { DiskSpec } from '../config/index.ts';
import { devicePath, DiskActions, exists, type DiskCall, type DiskPlaces } from './disk-actions.ts';
import {
  isReleased,
  ledgerOfBoot,
  withRecord,
  type DiskLedger,
  type DiskRecord,
  type Holding,
} from './holding.ts';
import { LedgerFile } from './ledger-file.ts';
import { filesOf, isPrepared, planDisk, type DiskPlan } from './plan-disk.ts';
import type { RunTool } from './run-tool.ts';

export interface DiskKeeperOptions {
  readonly run: RunTool;
  readonly places: DiskPlaces;
  readonly clock: Clock;
  /** Identity of this boot of the host; empty when nobody knows. */
  readonly bootId: () => Promise<string>;
}

interface Waiting {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

export class DiskKeeper {
  readonly #options: DiskKeeperOptions;
  readonly #actions: DiskActions;

  constructor(options: DiskKeeperOptions) {
    this.#options = options;
    this.#actions = new DiskActions(options.run, options.places);
  }

  /**
   * Makes the disks ready, and gives them as the guest gets them. Rejects with CONFIG_BAD_VALUE, DEVICE_FAILED (a restored guest's layer is gone, a
   * foreign file is in the way), HOTPLUG_FAILED (what a program said), TIMEOUT or ABORTED; nothing new is left then.
   */
  async prepare(
    uuid: VmUuid,
    disks: readonly DiskSpec[],
    { isRestored, ...call }: Waiting & { readonly isRestored: boolean },
  ): Promise<readonly DiskSpec[]> {
    if (!disks.some(isPrepared)) return disks;
    const book = await this.#open(uuid, call);
    try {
      const ready: DiskSpec[] = [];
      for (const disk of disks)
        ready.push(isPrepared(disk) ? await book.prepare(disk, { isRestored }) : disk);
      return ready;
    } catch (error) {
      await this.#giveUp(uuid, disks, call, error);
      throw error;
    }
  }

  /** The guest runs on its disks: what was kept for it is of this boot now. */
  async markRunning(uuid: VmUuid, call: Waiting): Promise<void> {
    await (await this.#open(uuid, call)).markRunning();
  }

  /**
   * Gives back what is held for the VM's disks, once its domain is gone, or for `vdev` alone; `isKept` when its changes will be needed again. Rejects with
   * DOMAIN_LEFTOVERS; what could not be given back stays on record.
   */
  async release(
    uuid: VmUuid,
    { isKept, vdev, ...call }: Waiting & { readonly isKept: boolean; readonly vdev?: string },
  ): Promise<void> {
    await (await this.#open(uuid, call)).release({ isKept, vdev });
  }

  /**
   * Gives back what these disks hold, and no other: the guest may run on those. Layers that were kept stay kept, which they are until the guest has
   * run. Rejects with DOMAIN_LEFTOVERS, which has both reasons.
   */
  async #giveUp(
    uuid: VmUuid,
    disks: readonly DiskSpec[],
    { timeoutMs }: Waiting,
    cause: unknown,
  ): Promise<void> {
    const { signal } = new AbortController();
    try {
      for (const { vdev } of disks)
        await this.release(uuid, { isKept: false, vdev, timeoutMs, signal });
    } catch (failure) {
      throw new DomainError('DOMAIN_LEFTOVERS', {
        message: 'The disks could not be made ready, and not all that was begun could be undone',
        cause: new AggregateError([cause, failure]),
      });
    }
  }

  async #open(uuid: VmUuid, call: Waiting): Promise<Book> {
    const { places, clock, bootId } = this.#options;
    const file = new LedgerFile(places.stateFolder, uuid);
    const ledger = await file.read();
    const bootNow = ledger.disks.length === 0 && !ledger.hasScriptFailed ? '' : await bootId();
    return new Book({
      ...{ uuid, file, actions: this.#actions, keyFolder: places.keyFolder, bootId },
      ledger: bootNow === '' ? ledger : ledgerOfBoot(ledger, bootNow),
      call: { ...call, clock },
    });
  }
}

interface BookOptions {
  readonly uuid: VmUuid;
  readonly file: LedgerFile;
  readonly actions: DiskActions;
  readonly keyFolder: string;
  readonly bootId: () => Promise<string>;
  readonly ledger: DiskLedger;
  readonly call: DiskCall;
}

/** The disks of one VM, during one operation. */
class Book {
  readonly #options: BookOptions;
  #ledger: DiskLedger;

  constructor(options: BookOptions) {
    this.#options = options;
    this.#ledger = options.ledger;
  }

  async prepare(
    disk: DiskSpec,
    { isRestored }: { readonly isRestored: boolean },
  ): Promise<DiskSpec> {
    const { uuid, keyFolder } = this.#options;
    const record = await this.#recordFor(disk);
    const existing = new Set<string>();
    for (const file of filesOf(disk, { uuid, keyFolder })) {
      if (await exists(file)) existing.add(file);
    }
    const { hasScriptFailed } = this.#ledger;
    const plan = planDisk(disk, {
      ...{ uuid, keyFolder, existing, isRestored, hasScriptFailed },
      record: record.holdings.length === 0 ? undefined : record,
    });
    return servedDisk(disk, plan, await this.#follow(plan, record));
  }

  async markRunning(): Promise<void> {
    if (!this.#ledger.disks.some(({ isKept }) => isKept)) return;
    const disks = this.#ledger.disks.map((disk) => ({ ...disk, isKept: false }));
    await this.#write({ ...this.#ledger, disks });
  }

  async release({
    isKept,
    vdev,
  }: {
    readonly isKept: boolean;
    readonly vdev?: string | undefined;
  }): Promise<void> {
    const failures: unknown[] = [];
    for (const disk of this.#ledger.disks) {
      if (vdev !== undefined && disk.vdev !== vdev) continue;
      const isStillKept = isKept || disk.isKept;
      let record: DiskRecord = { ...disk, isKept: isStillKept };
      // Before anything goes: whoever comes after a crash must not take the session for one that is over.
      if (isStillKept !== disk.isKept) await this.#note(record);
      for (const holding of disk.holdings.toReversed()) {
        if (!isReleased(holding, { isKept: isStillKept })) continue;
        try {
          await this.#options.actions.release(holding, this.#options.call);
        } catch (error) {
          failures.push(error);
          // What lies below is in use by this one.
          break;
        }
        record = { ...record, holdings: record.holdings.filter((held) => held !== holding) };
        await this.#note(record);
      }
    }
    if (failures.length === 0) return;
    throw new DomainError('DOMAIN_LEFTOVERS', {
      message: 'The VM has ended, but not everything that its disks needed could be given back',
      context: { failures: failures.length },
      cause: failures.length === 1 ? failures[0] : new AggregateError(failures),
    });
  }

  /** What is held for the disk; what an earlier boot or configuration has left of a session that is over is given back first. */
  async #recordFor({ vdev, target: base, snapshot: mode }: DiskSpec): Promise<DiskRecord> {
    const fresh: DiskRecord = { vdev, base, mode, isKept: false, holdings: [] };
    const old = this.#ledger.disks.find((disk) => disk.vdev === vdev);
    if (old === undefined) return fresh;
    const isSame = old.base === base && old.mode === mode;
    for (const holding of old.holdings.toReversed()) {
      // Of another configuration too: changes that somebody may still want are left where they are, and no longer ours.
      if (!isReleased(holding, { isKept: old.isKept })) continue;
      await this.#options.actions.release(holding, this.#options.call);
    }
    const holdings = isSame
      ? old.holdings.filter((holding) => !isReleased(holding, { isKept: old.isKept }))
      : [];
    const record = isSame ? { ...old, holdings } : fresh;
    await this.#note(record);
    return record;
  }

  /** Each holding is noted before it is taken; the device of an export is known, and noted, right after. */
  async #follow({ steps }: DiskPlan, start: DiskRecord): Promise<string | undefined> {
    const { actions, call } = this.#options;
    let record = start;
    let exported: string | undefined;
    const hold = async (holding: Holding): Promise<void> => {
      const others = record.holdings.filter((held) => !isSameHolding(held, holding));
      record = { ...record, holdings: [...others, holding] };
      await this.#note(record);
    };
    for (const { action, holding } of steps) {
      if (holding !== undefined) await hold(holding);
      const note = async (device: string): Promise<void> => {
        if (action.kind !== 'export') return;
        await hold({ kind: 'export', how: action.how, device, image: action.path });
      };
      try {
        exported = (await actions.perform(action, { exported, note }, call)) ?? exported;
        if (action.kind === 'script' && this.#ledger.hasScriptFailed) await this.#noteScript(false);
      } catch (error) {
        if (action.kind === 'script') await this.#noteScript(true);
        throw error;
      }
    }
    return exported;
  }

  async #noteScript(hasScriptFailed: boolean): Promise<void> {
    await this.#write({ ...this.#ledger, hasScriptFailed });
  }

  async #note(record: DiskRecord): Promise<void> {
    await this.#write(withRecord(this.#ledger, record));
  }

  async #write(ledger: DiskLedger): Promise<void> {
    const bootId = ledger.bootId === '' ? await this.#options.bootId() : ledger.bootId;
    this.#ledger = { ...ledger, bootId };
    await this.#options.file.write(this.#ledger);
  }
}

/** A disk has one export: another device takes the place of one that could not be had. */
function isSameHolding(one: Holding, other: Holding): boolean {
  if (one.kind === 'export' && other.kind === 'export') return true;
  return JSON.stringify(one) === JSON.stringify(other);
}

/** The disk as the guest gets it. */
function servedDisk(disk: DiskSpec, plan: DiskPlan, exported: string | undefined): DiskSpec {
  const { crypt: _crypt, keyFolders: _keyFolders, ...rest } = disk;
  const target = devicePath(plan.serves, exported);
  const isBlock = plan.serves.kind !== 'path' && plan.format === 'raw';
  const type = isBlock ? 'phy' : plan.format === 'raw' ? disk.type : plan.format;
  return { ...rest, target, type, snapshot: 'none' };
}
