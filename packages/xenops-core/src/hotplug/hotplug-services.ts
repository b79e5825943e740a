/**
 * What hotplug needs of the machine: loop devices, network links, scripts. Real in `@xenops/native` (ioctl, netlink), simulated in
 * `@xenops/sim`. Plain data in and out, so that it can be served to another process.
 */

/** What a disk's path is. */
export type DiskStat =
  | { readonly kind: 'block'; readonly major: number; readonly minor: number }
  | { readonly kind: 'file'; readonly sizeBytes: number }
  | { readonly kind: 'other' }
  | { readonly kind: 'missing' };

export interface LoopDevice {
  /** `/dev/loopN`. */
  readonly devicePath: string;
  readonly major: number;
  readonly minor: number;
}

export interface UsedLoopDevice extends LoopDevice {
  /** The file behind it; ends in ` (deleted)` when that is gone. */
  readonly filePath: string;
}

export interface NetworkLink {
  readonly name: string;
  readonly mtu: number;
  readonly isUp: boolean;
  /** The bridge it is a port of. */
  readonly bridge?: string;
}

export interface ScriptCall {
  /** Absolute path; run without a shell. */
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment besides PATH. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

export interface ScriptResult {
  /** -1 when a signal ended it. */
  readonly exitStatus: number;
  /** The last 4 KiB of what it wrote to both outputs. */
  readonly output: string;
}

export interface HotplugServices {
  statDisk(path: string): Promise<DiskStat>;
  /**
   * Puts a file behind a free loop device (LOOP_CTL_GET_FREE, LOOP_CONFIGURE). It vanishes by itself when this process ends before `keepLoop`:
   * nothing leaks between taking it and writing it down.
   */
  attachLoop(filePath: string, options: { readonly readOnly: boolean }): Promise<LoopDevice>;
  /** It now stays when this process ends. */
  keepLoop(devicePath: string): Promise<void>;
  /** Takes the file away (LOOP_CLR_FD); with users left it goes when the last one closes it. One that is free already is fine. */
  detachLoop(devicePath: string): Promise<void>;
  listLoops(): Promise<readonly UsedLoopDevice[]>;

  listLinks(): Promise<readonly NetworkLink[]>;
  /** Makes `link` a port of `bridge`, gives it the MTU and brings it up. HOTPLUG_FAILED when either is missing. */
  joinBridge(
    link: string,
    bridge: string,
    options?: { readonly mtu?: number | undefined },
  ): Promise<void>;
  /** Takes the link down and out of its bridge; a link that is gone is fine. */
  leaveBridge(link: string): Promise<void>;
  renameLink(link: string, name: string): Promise<void>;

  /**
   * Sends the text at once on a unix socket of this process, and an open file with it (SCM_RIGHTS); throws the error of the system. Node.js
   * cannot; absent on a simulated host, whose device models open nothing.
   */
  sendOpenFile?(socketFd: number, text: string, fileFd: number): void;

  /** Runs a script; past the deadline, or when the signal fires, its whole process group is ended, then TIMEOUT or ABORTED. */
  runScript(
    call: ScriptCall,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<ScriptResult>;
}
