/**
 * A host as the system tests see it: a place to run commands in, and a look at everything that an operation could leave
 * behind. One implementation runs the commands here against an embedded host, the other in the Dom0 of a lab.
 */

/** How a command ended. */
export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface SliceHost extends AsyncDisposable {
  /** Runs a command to its end. */
  exec(argv: readonly string[]): Promise<Outcome>;
  /** Starts `xenops` with these words and kills it with this signal once it is inside the builder. */
  killDuringBuild(words: readonly string[], signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
  /** Waits until the guest has written this text to its console, and gives what it wrote. */
  waitForConsole(domid: number, text: string): Promise<string>;
  /** Everything that must be the same after an operation that failed, as text: xenstore, domains, free memory. */
  fingerprint(): Promise<string>;
  /** One node of xenstore. */
  readNode(path: string): Promise<string>;
  /** Puts a file there. */
  writeFile(path: string, content: string): Promise<void>;

  readonly kernel: string;
  readonly ramdisk: string | undefined;
  /** A folder for files of the tests. */
  readonly folder: string;
  /** What the guest writes when it is up. */
  readonly upText: string;
  /** More memory than the host has, KiB. */
  readonly tooMuchMemoryKib: number;
  /** Less memory than the kernel needs, KiB. */
  readonly tooLittleMemoryKib: number;
}
