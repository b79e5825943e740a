/** Where the log of the process goes: standard error, or syslog through logger(1), because Node has no unix datagrams. */
import { spawn } from 'node:child_process';

/** Takes whole lines. */
export interface LogSink {
  readonly write: (line: string) => void;
  /** Whether lines should start with their priority. */
  readonly hasPriority: boolean;
}

/** Where lines go. */
export interface LogSinkOptions {
  readonly isSyslog: boolean;
  /** Who they are from, for syslog. */
  readonly tag: string;
}

/** Unread bytes from which on lines are dropped: a log nobody takes must not eat memory. */
const UNREAD_BYTES_MAX = 1_048_576;

/** Opens the sink. The journal understands priorities on standard error; a terminal gets none. */
export function openLogSink({ isSyslog, tag }: LogSinkOptions): LogSink {
  // Whoever read it may be gone; a daemon does not end for that.
  process.stderr.on('error', () => undefined);
  if (!isSyslog) {
    const hasPriority = process.env['JOURNAL_STREAM'] !== undefined;
    return { write: bounded(process.stderr), hasPriority };
  }
  const args = ['--prio-prefix', '--tag', tag, '--id'];
  const logger = spawn('logger', args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  logger.on('error', () => process.stderr.write(`${tag}: no logger(1), so that there is no log\n`));
  logger.stdin.on('error', () => undefined);
  logger.unref();
  return { write: bounded(logger.stdin), hasPriority: true };
}

function bounded(stream: NodeJS.WritableStream): (line: string) => void {
  return (line) => {
    if (stream.writable && unread(stream) < UNREAD_BYTES_MAX) stream.write(line);
  };
}

function unread(stream: NodeJS.WritableStream): number {
  return 'writableLength' in stream ? Number(stream.writableLength) : 0;
}
