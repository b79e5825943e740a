/** What lies in the folder of a simulated host, and where it is when nobody says. */
import os from 'node:os';
import path from 'node:path';

export interface SimPaths {
  readonly folder: string;
  /** xenstored's; for `XENSTORED_PATH` of any client. */
  readonly xenstoreSocket: string;
  readonly hypervisorSocket: string;
  /** Held by the daemon while it runs; holds its pid. */
  readonly lockFile: string;
  /** Output of a daemon that was started on demand. */
  readonly logFile: string;
  readonly consoleFolder: string;
  /** Sockets and states of device models. */
  readonly runFolder: string;
  /** A kernel for simulated guests. */
  readonly guestKernel: string;
}

/** The paths inside a host's folder. */
export function simSocketPaths(folder: string): SimPaths {
  return {
    folder,
    xenstoreSocket: path.join(folder, 'xenstored', 'socket'),
    hypervisorSocket: path.join(folder, 'hypervisor', 'socket'),
    lockFile: path.join(folder, 'xensimd.pid'),
    logFile: path.join(folder, 'xensimd.log'),
    consoleFolder: path.join(folder, 'console'),
    runFolder: path.join(folder, 'run'),
    guestKernel: path.join(folder, 'guests', 'linux'),
  };
}

/** Where the host of this user is that plain `sim:` means. */
export function defaultSimFolder(environment: NodeJS.ProcessEnv = process.env): string {
  return path.join(
    environment['XDG_RUNTIME_DIR'] ?? os.tmpdir(),
    `xensim-${process.getuid?.() ?? 0}`,
  );
}
