/**
 * What is held for the disks of a VM, and for how long. Written down before it is made, so that whoever comes after a crash gives back exactly
 * that and never removes a file that this VM has not made.
 */
import type { SnapshotMode } from '../config/index.ts';

export type Holding =
  /**
   * A file of ours. `session`: changes of the present boot, which go with it unless the guest lies in an image or hibernates; `lasting`: what
   * the next boot builds on; `secret`: as `session`, and overwritten before it goes.
   */
  | {
      readonly kind: 'file';
      readonly path: string;
      readonly life: 'session' | 'lasting' | 'secret';
    }
  /** An image as a block device, until the guest is gone. */
  | {
      readonly kind: 'export';
      readonly how: ExportKind;
      readonly device: string;
      readonly image: string;
    }
  /** A decrypted view of a device, until the guest is gone. */
  | { readonly kind: 'mapping'; readonly name: string };

/** `nbd`: by qemu-nbd; `tap`: by tapdisk, which alone knows keys inside of a vhd. */
export type ExportKind = 'nbd' | 'tap';

/** One disk. */
export interface DiskRecord {
  readonly vdev: string;
  /** The image of the configuration and its mode: a record of other ones is of an earlier configuration. */
  readonly base: string;
  readonly mode: SnapshotMode;
  /** The guest lies in an image or hibernates: its session is needed again. */
  readonly isKept: boolean;
  /** In the order in which they were taken. */
  readonly holdings: readonly Holding[];
}

/** All disks of a VM for which anything is held. */
export interface DiskLedger {
  /** Of the host; exports and mappings of an earlier one are gone, and their names may be somebody else's. */
  readonly bootId: string;
  readonly disks: readonly DiskRecord[];
  /** A scripted snapshot failed and the author has not been at it since. */
  readonly hasScriptFailed: boolean;
}

export const EMPTY_LEDGER: DiskLedger = { bootId: '', disks: [], hasScriptFailed: false };

/** The ledger as the host of this boot can rely on it. */
export function ledgerOfBoot(ledger: DiskLedger, bootId: string): DiskLedger {
  if (ledger.bootId === bootId) return ledger;
  const disks = ledger.disks.map((disk) => ({
    ...disk,
    holdings: disk.holdings.filter(({ kind }) => kind === 'file'),
  }));
  return { ...ledger, bootId, disks };
}

/** Whether the holding is given back now. */
export function isReleased(holding: Holding, { isKept }: { readonly isKept: boolean }): boolean {
  return holding.kind === 'file' ? !isKept && holding.life !== 'lasting' : true;
}

/** The ledger with another record for that disk; a record that holds nothing is left out. */
export function withRecord(ledger: DiskLedger, record: DiskRecord): DiskLedger {
  const others = ledger.disks.filter(({ vdev }) => vdev !== record.vdev);
  const disks = record.holdings.length === 0 ? others : [...others, record];
  return { ...ledger, disks };
}
