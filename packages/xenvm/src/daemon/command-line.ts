/** The command line of `xenvm`: the historical one for one VM, and `xenvm serve` for many. */
import { LOG_LEVELS, type LogLevel } from '@xenops/core/daemon';
import { parseArgs } from 'node:util';
import { ConfigError } from '@xenops/core/errors';
import { vmUuid } from '@xenops/core/ids';

/** The text of `--help`. */
export const USAGE = `usage: xenvm [--config <config>] [--uuid <uuid>] [<config>-deprecated]
       xenvm serve [--config <config>]...
       xenvm config check [--strict-config] [--json] <config> | explain [--json] [<key>...] | schema

One VM, for as long as this process runs; or many, added and removed over the socket "control".

  --config FILE             config file of the VM (serve: may be repeated)
  --uuid UUID               uuid of the VM; wins over the one in the file
  --strict-config           any error in the config file is fatal
  --no-daemonize            stay in the foreground (serve always does)
  --monitor-dbus BOOL       serve D-Bus (default: true)
  --monitor-json BOOL       serve JSON-RPC on the unix socket (default: false; serve: true)
  --monitor-dbus-session    use the session bus instead of the system bus
  --socket-dir DIR          folder of the sockets (default: XENVM_SOCKET_DIR, else /var/run/xenvm)
  --socket-group GROUP      members may use the sockets (default: root only)
  --connect URI             the host: xen: for this Dom0, sim: or sim:PATH (default: XENOPS_CONNECT)
  --pid-file FILE           file for the process id, for as long as it runs
  --log-level LEVEL         error, warn, info or debug (default: info)
  --help                    show this text
  --version                 show the version, as the first argument
`;

/** What every form of the daemon is told. */
export interface CommonSettings {
  readonly isStrict: boolean;
  readonly hasDbus: boolean;
  readonly hasJson: boolean;
  readonly busAddress: 'system' | 'session';
  readonly socketFolder: string;
  readonly socketGroup: string | undefined;
  readonly connectUri: string | undefined;
  readonly pidFile: string | undefined;
  readonly logLevel: LogLevel;
}

/** What to do. */
export type Settings =
  | { readonly kind: 'help' }
  | ({
      readonly kind: 'one';
      readonly uuid: string | undefined;
      readonly configPath: string | undefined;
      readonly isDaemon: boolean;
    } & CommonSettings)
  | ({ readonly kind: 'serve'; readonly configPaths: readonly string[] } & CommonSettings);

/** Where sockets lie unless something else is said. */
export const DEFAULT_SOCKET_FOLDER = '/var/run/xenvm';

const OPTIONS = {
  config: { type: 'string', multiple: true },
  uuid: { type: 'string' },
  'strict-config': { type: 'boolean' },
  'no-daemonize': { type: 'boolean' },
  'monitor-dbus': { type: 'string' },
  'monitor-json': { type: 'string' },
  'monitor-dbus-session': { type: 'boolean' },
  'socket-dir': { type: 'string' },
  'socket-group': { type: 'string' },
  connect: { type: 'string' },
  'pid-file': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** Reads words and environment. Throws CONFIG_BAD_VALUE, or the error of `parseArgs`. */
export function parseCommandLine(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  if (words.includes('-help')) return { kind: 'help' };
  const { values, positionals } = parseArgs({
    args: [...words],
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help === true) return { kind: 'help' };
  const isServe = positionals[0] === 'serve';
  const common: CommonSettings = {
    isStrict: values['strict-config'] === true,
    hasDbus: parseBoolean('monitor-dbus', values['monitor-dbus']) ?? true,
    hasJson: parseBoolean('monitor-json', values['monitor-json']) ?? isServe,
    busAddress: values['monitor-dbus-session'] === true ? 'session' : 'system',
    socketFolder: values['socket-dir'] ?? env['XENVM_SOCKET_DIR'] ?? DEFAULT_SOCKET_FOLDER,
    socketGroup: values['socket-group'],
    connectUri: values.connect ?? env['XENOPS_CONNECT'],
    pidFile: values['pid-file'],
    logLevel: parseLevel(values['log-level'] ?? 'info'),
  };
  const configPaths = values.config ?? [];
  if (isServe) {
    if (positionals.length > 1 || values.uuid !== undefined) {
      throw badUsage('xenvm serve takes config files with --config, and neither --uuid nor words');
    }
    return { kind: 'serve', configPaths, ...common };
  }
  return {
    kind: 'one',
    uuid: values.uuid === undefined ? undefined : vmUuid(values.uuid),
    // The last of several, as it always was.
    configPath: configPaths.at(-1) ?? positionals.at(-1),
    isDaemon: values['no-daemonize'] !== true,
    ...common,
  };
}

function parseBoolean(option: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined;
  if (text === 'true' || text === 'false') return text === 'true';
  throw badUsage(`--${option} takes true or false, not "${text}"`);
}

function parseLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level !== undefined) return level;
  throw badUsage(`--log-level takes ${LOG_LEVELS.join(', ')}, not "${text}"`);
}

function badUsage(message: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', { message });
}
