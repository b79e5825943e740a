/** The command line of `xenvm-cmd`. */
import { parseArgs } from 'node:util';
import { ConfigError } from '@xenops/core/errors';
import { vmUuid } from '@xenops/core/ids';
import { CONTROL } from './socket-path.ts';

/** The text of `--help`, and of every mistake. */
export const USAGE = `usage: xenvm-cmd [--use-socket] [--reply-timeout <s>] <uuid> <task> [k=v ...]
       xenvm-cmd [...] control <task> [k=v ...]

Runs a task of a VM monitor and prints its answer. "control" is the daemon of "xenvm serve"; the task "watch"
prints what happens until it is interrupted.

  --use-socket           over the unix socket (default: D-Bus; options below need the socket and imply it)
  --session              D-Bus: the session bus (XENVMLIB_DBUS_SESSION=true)
  --reply-timeout SECS   how long to wait for the answer (default: 60)
  --json                 print the answer, or the error, as JSON
  --progress             say on standard error how far it is
  --help                 show this text
  --version              show the version, as the first argument
`;

const REPLY_TIMEOUT_S = 60;
const REPLY_TIMEOUT_S_MAX = 2_000_000;

/** What to call, and how. */
export interface CommandLine {
  /** A uuid, or `control`. */
  readonly uuid: string;
  readonly task: string;
  readonly args: Readonly<Record<string, string>>;
  readonly transport: 'socket' | 'dbus';
  readonly bus: 'system' | 'session';
  readonly timeoutMs: number;
  readonly isJson: boolean;
  readonly wantsProgress: boolean;
}

/** Reads words and environment. Throws CONFIG_BAD_VALUE, or the error of `parseArgs`. */
export function parseCommandLine(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandLine | 'help' {
  const { values, positionals } = parseArgs({
    args: [...words],
    options: {
      'use-socket': { type: 'boolean' },
      session: { type: 'boolean' },
      'reply-timeout': { type: 'string' },
      json: { type: 'boolean' },
      progress: { type: 'boolean' },
      help: { type: 'boolean' },
    },
    allowPositionals: true,
  });
  if (values.help === true || words.includes('-help')) return 'help';
  const [uuid, task, ...rest] = positionals;
  if (uuid === undefined) throw badUsage('missing uuid');
  if (task === undefined) throw badUsage('missing query');
  const isJson = values.json === true;
  const wantsProgress = values.progress === true;
  const needsSocket = isJson || wantsProgress || uuid === CONTROL || task === 'watch';
  const isSession = values.session === true || env['XENVMLIB_DBUS_SESSION'] === 'true';
  return {
    uuid: uuid === CONTROL ? CONTROL : vmUuid(uuid),
    task,
    args: parseArguments(rest),
    transport: values['use-socket'] === true || needsSocket ? 'socket' : 'dbus',
    bus: isSession ? 'session' : 'system',
    timeoutMs: parseTimeoutMs(values['reply-timeout']),
    isJson,
    wantsProgress,
  };
}

/** `k=v`, the last of equal keys. A word without `=` used to be dropped, and the task run without what was meant. */
function parseArguments(words: readonly string[]): Readonly<Record<string, string>> {
  const args = words.map((word) => {
    const at = word.indexOf('=');
    if (at > 0) return [word.slice(0, at), word.slice(at + 1)] as const;
    throw badUsage(`an argument has the form key=value, not "${word}"`);
  });
  return Object.fromEntries(args);
}

function parseTimeoutMs(text: string | undefined): number {
  const seconds = text === undefined ? REPLY_TIMEOUT_S : Number(text);
  if (seconds > 0 && seconds <= REPLY_TIMEOUT_S_MAX) return seconds * 1000;
  throw badUsage(`--reply-timeout takes a number of seconds, not "${text ?? ''}"`);
}

function badUsage(message: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', { message });
}
