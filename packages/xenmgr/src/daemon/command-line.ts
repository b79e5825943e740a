/** The command line of `xenmgr`. */
import { parseArgs } from 'node:util';
import { ConfigError } from '@xenops/core/errors';

/** The text of `--help`. */
export const USAGE = `usage: xenmgr [--no-daemonize] [--no-autostart] [--writepid=FILE] [--debug] [OPTION]...

The host on D-Bus: com.citrix.xenclient.xenmgr, with its database com.citrix.xenclient.db.

  --no-daemonize       stay in the foreground
  --no-autostart       start no VM by itself
  --writepid=FILE      file for the process id, for as long as it runs
  --debug              log more
  --connect URI        the host: xen: for this Dom0, sim:PATH (default: XENOPS_CONNECT)
  --root DIR           database, images, settings and run-time files below one folder
  --templates DIR      templates of VMs (default: /etc/xenmgr/templates, else those of this package)
  --service-vms        make the service VMs of the templates (default: where there is /etc/xenclient.flavour)
  --group GROUP        members may use the service besides root (default: xenmgr)
  --xenvm PROGRAM      the monitor of VMs (default: xenvm)
  --import DIR         before anything else take over the files of an old database: db, vms, dom-store
  -h, --help           show this text
      --version        show the version, as the first argument

SIGTERM and SIGINT end the service, and VMs run on. SIGUSR2 stops all VMs first.
`;

/** What the process is told. */
export interface DaemonSettings {
  readonly isDaemon: boolean;
  readonly hasAutostart: boolean;
  readonly pidFile: string | undefined;
  readonly isVerbose: boolean;
  readonly connectUri: string | undefined;
  readonly root: string | undefined;
  readonly templates: string | undefined;
  /** Undefined where the host decides. */
  readonly hasServiceVms: true | undefined;
  readonly group: string;
  readonly monitor: string;
  readonly importFolder: string | undefined;
}

const OPTIONS = {
  'no-daemonize': { type: 'boolean' },
  'no-autostart': { type: 'boolean' },
  writepid: { type: 'string' },
  debug: { type: 'boolean' },
  connect: { type: 'string' },
  root: { type: 'string' },
  templates: { type: 'string' },
  'service-vms': { type: 'boolean' },
  group: { type: 'string' },
  xenvm: { type: 'string' },
  import: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Reads words and environment; undefined where help is wanted. Throws CONFIG_BAD_VALUE. */
export function parseCommandLine(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): DaemonSettings | undefined {
  const { values } = parseWords(words);
  if (values.help === true) return undefined;
  return {
    isDaemon: values['no-daemonize'] !== true,
    hasAutostart: values['no-autostart'] !== true,
    pidFile: values.writepid,
    isVerbose: values.debug === true,
    connectUri: values.connect ?? env['XENOPS_CONNECT'],
    root: values.root,
    templates: values.templates,
    hasServiceVms: values['service-vms'] === true ? true : undefined,
    group: values.group ?? 'xenmgr',
    monitor: values.xenvm ?? 'xenvm',
    importFolder: values.import,
  };
}

function parseWords(
  words: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>> {
  try {
    return parseArgs({ args: [...words], options: OPTIONS });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : 'The command line makes no sense';
    throw new ConfigError('CONFIG_BAD_VALUE', { message, cause });
  }
}
