/** `xenmgr` from its words to its exit status. */
import { launchDaemon } from '@xenops/core/daemon';
import { parseCommandLine, USAGE, type DaemonSettings } from './command-line.ts';
import { runDaemon } from './run-daemon.ts';

/** Files of ours are for our user alone. */
const UMASK = 0o077;
const USAGE_STATUS = 2;

/** Runs the program and gives its exit status. */
export async function main(words: readonly string[]): Promise<number> {
  process.umask(UMASK);
  let settings: DaemonSettings | undefined;
  try {
    settings = parseCommandLine(words, process.env);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`xenmgr: ${text}\n${USAGE}`);
    return USAGE_STATUS;
  }
  if (settings === undefined) {
    process.stderr.write(USAGE);
    return 0;
  }
  if (settings.isDaemon) return launchDaemon(process.argv[1] ?? '', words);
  return runDaemon(settings);
}
