/** `xensimd`: a simulated Xen host in the foreground, until a signal or a long time without a connection. */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ConfigError, XenopsError } from '@xenops/core/errors';
import { startDaemon, type DaemonOptions } from '../daemon/daemon.ts';
import { defaultSimFolder } from '../daemon/socket-folder.ts';

const USAGE = `Usage: xensimd [--dir DIR] [--description FILE] [--memory SIZE] [--cpus N]
               [--idle-timeout SECONDS]

Runs a simulated Xen host. xenstored listens on DIR/xenstored/socket, the hypervisor on
DIR/hypervisor/socket; "ready" on standard output says that both do.

  --dir DIR               folder of the sockets (default: ${defaultSimFolder()})
  --description FILE      the machine as JSON: memory, NUMA nodes, PCI devices, back-ends, ...
  --memory SIZE           memory of the host, such as 8G or 512M (default: 8G)
  --cpus N                physical cpus (default: 4)
  --idle-timeout SECONDS  stop after this long without a connection; 0 for never (default: 0)
  --help                  show this text
  --version               show the version, as the first argument
`;

const STATUS_FAILED = 1;
const STATUS_USAGE = 2;
const KIB_BY_SUFFIX: Readonly<Record<string, number>> = { '': 1, K: 1, M: 1024, G: 1_048_576 };
/** Lines that a daemon reports at most; it may run for months with nobody reading. */
const LOG_LINES_MAX = 10_000;

type Settings = Pick<
  DaemonOptions,
  'folder' | 'description' | 'memoryKib' | 'cpuCount' | 'idleTimeoutMs'
>;

function parseSettings(args: readonly string[]): Settings | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      description: { type: 'string' },
      memory: { type: 'string' },
      cpus: { type: 'string' },
      'idle-timeout': { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true) return 'help';
  const idleSeconds = parseCount('--idle-timeout', values['idle-timeout'] ?? '0', 0);
  return {
    folder: path.resolve(values.dir ?? defaultSimFolder()),
    description: values.description,
    memoryKib: values.memory === undefined ? undefined : parseMemoryKib(values.memory),
    cpuCount: values.cpus === undefined ? undefined : parseCount('--cpus', values.cpus, 1),
    idleTimeoutMs: idleSeconds * 1000,
  };
}

function parseCount(option: string, text: string, min: number): number {
  const count = Number(text);
  if (/^[0-9]{1,9}$/.test(text) && count >= min) return count;
  const message = `${option} takes a whole number from ${min}, not "${text}"`;
  throw new ConfigError('CONFIG_BAD_VALUE', { message });
}

function parseMemoryKib(text: string): number {
  const { count, suffix = '' } =
    /^(?<count>[0-9]{1,9})(?<suffix>[KMG]?)$/i.exec(text)?.groups ?? {};
  const kib = Number(count) * (KIB_BY_SUFFIX[suffix.toUpperCase()] ?? 1);
  // Less leaves nothing for domains after Xen and Dom0 have theirs.
  if (kib >= 262_144) return kib;
  const message = `--memory takes a size from 256M, such as 8G, not "${text}"`;
  throw new ConfigError('CONFIG_BAD_VALUE', { message });
}

async function main(args: readonly string[]): Promise<void> {
  const settings = readSettings(args);
  if (settings === undefined) return;
  let stop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  let logLines = 0;
  const daemon = await startDaemon({
    ...settings,
    onIdle: () => stop(),
    log: (text) => {
      logLines += 1;
      if (logLines <= LOG_LINES_MAX) process.stderr.write(`xensimd: ${text}\n`);
    },
  });
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Whoever started us may have stopped listening once we were ready.
  process.stdout.on('error', () => undefined);
  process.stdout.write('ready\n');
  await stopped;
  await daemon[Symbol.asyncDispose]();
}

function readSettings(args: readonly string[]): Settings | undefined {
  try {
    const settings = parseSettings(args);
    if (settings !== 'help') return settings;
    process.stdout.write(USAGE);
  } catch (error) {
    process.stderr.write(`xensimd: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = STATUS_USAGE;
  }
  return undefined;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  const text = error instanceof XenopsError ? error.message : String(error);
  process.stderr.write(`xensimd: ${text}\n`);
  process.exitCode = STATUS_FAILED;
});
