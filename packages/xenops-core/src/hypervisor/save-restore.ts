/** Streams of libxenguest: a domain's memory and state to and from a file descriptor, without libxl's framing around it. */
import type { Domid, Evtchn } from '../ids.ts';
import type { TscMode } from './control.ts';
import type { GuestType } from './domain-info.ts';
import type { BuildResult, LongCallOptions } from './specs.ts';
import type { CpuPolicySpec } from './vcpu-control.ts';

export interface SaveSpec {
  /**
   * Where the stream goes: file, pipe or socket. It stays open, and is left as it is after a failure, with what was written. One that does not
   * block is made to until the stream has ended.
   */
  readonly fd: number;
  /** Copy the memory while the guest runs, before suspending it. */
  readonly live?: boolean;
  /**
   * Suspends the guest: resolves once the domain has shut down for `suspend`, rejects otherwise, which fails the save with that error. Called
   * once; the stream waits for it. An abort of the save waits for it too, so it should end on the same signal.
   */
  readonly suspend: () => Promise<void>;
  /** Turns the device model's tracking of dirty memory on and off, for HVM; off also after a failure. */
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
  /** As of the build, like all below: the stream does not carry them. */
  readonly memoryKib: number;
  readonly maxMemoryKib?: number;
  /** For a stream that says nothing of it. */
  readonly tscMode?: TscMode;
  readonly timeOffsetSeconds?: number;
  readonly hpet?: boolean;
  /** For a stream from before Xen 4.14, which carries none. */
  readonly cpuPolicy?: CpuPolicySpec;
  readonly storeEvtchn: Evtchn;
  readonly storeDomid: Domid;
  readonly consoleEvtchn: Evtchn;
  readonly consoleDomid: Domid;
}

export interface SaveRestore {
  /**
   * Writes the stream. The domain is suspended when it resolves: destroy or resume it. After a failure or an abort before `suspend` was called the
   * guest runs on untouched; afterwards whoever called resumes it. An abort ends a stream that nobody reads, too. Progress: stage `copy` (live),
   * `suspend` and `memory`, pages done and total of the round.
   */
  saveDomain(domid: Domid, spec: SaveSpec, options?: LongCallOptions): Promise<void>;
  /**
   * Fills a domain made with the same type, vcpus and limits, and puts it in the state that it was saved in. It stays paused. After a failure or
   * an abort the domain is the caller's to destroy. An abort ends a stream that nobody writes, too.
   */
  restoreDomain(domid: Domid, spec: RestoreSpec, options?: LongCallOptions): Promise<BuildResult>;
}
