/** `xenvm` from its words to its exit status, whatever provides the VMs. */
import { BACKGROUND_VARIABLE, createLogger, launchDaemon, openLogSink } from '@xenops/core/daemon';
import type { VmProvider } from './vm-service.ts';
import { parseCommandLine, USAGE, type Settings } from './command-line.ts';
import { runConfigCommand } from './config-command.ts';
import { EXIT } from './exit-status.ts';
import { runDaemon, type RunSettings } from './run-daemon.ts';

/** Files of ours are for our user; what others may use is opened to them by name. */
const UMASK = 0o077;

/** Gives the VMs of the host that was chosen. */
export type OpenProvider = (connectUri: string | undefined) => Promise<VmProvider>;

/** Runs the program and gives its exit status. */
export async function main(words: readonly string[], openProvider: OpenProvider): Promise<number> {
  process.umask(UMASK);
  if (words[0] === 'config') {
    return runConfigCommand(words.slice(1), {
      out: (text) => void process.stdout.write(text),
      err: (text) => void process.stderr.write(text),
    });
  }
  const settings = readSettings(words);
  if (settings === undefined) return EXIT.failed;
  if (settings.kind === 'help') {
    process.stdout.write(USAGE);
    return EXIT.done;
  }
  if (settings.kind === 'one' && settings.isDaemon && isComplete(settings)) {
    return launchDaemon(process.argv[1] ?? '', words);
  }
  return run(settings, openProvider);
}

/** What cannot work needs no process in the background to find out. */
function isComplete({ uuid, configPath }: Extract<RunSettings, { kind: 'one' }>): boolean {
  return uuid !== undefined || configPath !== undefined;
}

async function run(settings: RunSettings, openProvider: OpenProvider): Promise<number> {
  const isSyslog = process.env[BACKGROUND_VARIABLE] !== undefined;
  const sink = openLogSink({ isSyslog, tag: 'xenvm' });
  const logger = createLogger({ level: settings.logLevel, ...sink }, 'xenvm');
  return runDaemon({
    settings,
    logger,
    openProvider: () => openProvider(settings.connectUri),
    say: (line) => void process.stderr.write(`${line}\n`),
  });
}

function readSettings(words: readonly string[]): Settings | undefined {
  try {
    return parseCommandLine(words, process.env);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    process.stderr.write(`xenvm: ${text}\n${USAGE}`);
    return undefined;
  }
}
