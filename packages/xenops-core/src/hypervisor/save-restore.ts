/** Streams of libxenguest: a domain's memory and state to and from a file descriptor, without libxl's framing around it. */
import type { Domid, Evtchn } from '../ids.ts';
import type { GuestType } from './domain-info.ts';
import type { BuildResult, LongCallOptions } from './specs.ts';

export interface SaveSpec {
  /** Where the stream goes; it stays open. Left as it is after a failure, with what was written. */
  readonly fd: number;
  /** Copy the memory while the guest runs, before suspending it. */
  readonly live?: boolean;
  /**
   * Suspends the guest: resolves once the domain has shut down for `suspend`, rejects otherwise, which fails the save with that error. Called
   * once; the stream waits for it.
   */
  readonly suspend: () => Promise<void>;
  /** Turns the device model's tracking of dirty memory on and off; needed to save an HVM guest live. */
  readonly setQemuDirtyTracking?: (enabled: boolean) => Promise<void>;
  /** Live: asked after each round whether to go on copying, suspend now, or give up; Xen's own policy unless given. */
  readonly onRound?: (round: {
    readonly iteration: number;
    readonly totalPages: number;
    /** -1 while nobody knows. */
    readonly dirtyPages: number;
  }) => 'continue' | 'suspend' | 'abort';
}

export interface RestoreSpec {
  /** Where the stream comes from, at its first byte; it is left behind its last one. */
  readonly fd: number;
  readonly guestType: GuestType;
  /** As of a build: the memory the domain had when it was saved. */
  readonly memoryKib: number;
  readonly maxMemoryKib?: number;
  readonly storeEvtchn: Evtchn;
  readonly storeDomid: Domid;
  readonly consoleEvtchn: Evtchn;
  readonly consoleDomid: Domid;
}

export interface SaveRestore {
  /**
   * Writes the stream. The domain is suspended when it resolves: destroy or resume it. After a failure or an abort before `suspend` was called the
   * guest runs on untouched; afterwards whoever called resumes it. Progress: stage, pages done and total.
   */
  saveDomain(domid: Domid, spec: SaveSpec, options?: LongCallOptions): Promise<void>;
  /** Fills a domain made with the same type, vcpus and limits. It stays paused. */
  restoreDomain(domid: Domid, spec: RestoreSpec, options?: LongCallOptions): Promise<BuildResult>;
}
