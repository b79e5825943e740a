/** What a stand-in for QEMU answers to QMP commands (qapi/): enough for a toolstack, on a state of its own. */
import { access, readFile, writeFile } from 'node:fs/promises';

/** State of one device model. */
export interface ModelState {
  readonly name: string;
  /** What it sees as `/` (`-chroot`); empty where it sees all. */
  readonly root: string;
  isRunning: boolean;
  /** Devices by their id. */
  readonly devices: Map<string, string>;
  /** Media by the id of their drive; null is an empty one. */
  readonly media: Map<string, string | null>;
  vnc: { readonly host: string; readonly port: number } | undefined;
  vncPassword: string | undefined;
  isTracking: boolean;
}

/** A refusal, as QMP words it. */
export class QmpRefusal extends Error {
  readonly kind: 'GenericError' | 'CommandNotFound' | 'DeviceNotFound';

  constructor(kind: QmpRefusal['kind'], message: string) {
    super(message);
    this.kind = kind;
  }
}

type Args = Readonly<Record<string, unknown>>;
type Command = (state: ModelState, args: Args, tell: Tell) => unknown;
/** Sends an event. */
export type Tell = (event: string, data?: Args) => void;

/** First bytes of the state that a stand-in saves. */
const STATE_MAGIC = 'XENSIM-QEMU\n';

export const QMP_COMMANDS: Readonly<Record<string, Command>> = {
  qmp_capabilities: () => ({}),
  'query-version': () => ({ qemu: { major: 7, minor: 2, micro: 0 }, package: 'simulated' }),
  'query-status': ({ isRunning }) => ({
    running: isRunning,
    status: isRunning ? 'running' : 'paused',
  }),
  stop: (state, _args, tell) => setRunning(state, false, tell),
  cont: (state, _args, tell) => setRunning(state, true, tell),
  'query-vnc': ({ vnc }) =>
    vnc === undefined
      ? { enabled: false }
      : { enabled: true, host: vnc.host, service: String(vnc.port), family: 'ipv4' },
  'change-vnc-password': (state, args) => {
    state.vncPassword = textOf(args, 'password');
    return {};
  },
  'query-chardev': () => [{ label: 'libxl-cmd', filename: 'unix', 'frontend-open': true }],
  'query-pci': ({ devices }) => [
    { bus: 0, devices: [...devices.keys()].map((id, slot) => ({ qdev_id: id, slot: slot + 4 })) },
  ],
  'query-hotpluggable-cpus': () => [],
  'query-fdsets': () => [],
  device_add(state, args) {
    const id = textOf(args, 'id');
    if (state.devices.has(id)) throw new QmpRefusal('GenericError', `Duplicate device ID '${id}'`);
    state.devices.set(id, textOf(args, 'driver'));
    return {};
  },
  device_del(state, args, tell) {
    const id = textOf(args, 'id');
    if (!state.devices.delete(id))
      throw new QmpRefusal('DeviceNotFound', `Device '${id}' not found`);
    tell('DEVICE_DELETED', { device: id, path: `/machine/peripheral/${id}` });
    return {};
  },
  eject(state, args) {
    state.media.set(driveOf(args), null);
    return {};
  },
  async 'blockdev-change-medium'(state, args) {
    const filename = textOf(args, 'filename');
    if (state.root !== '') await access(`${state.root}${filename}`).catch(refuse);
    state.media.set(driveOf(args), filename);
    return {};
  },
  'xen-set-global-dirty-log'(state, args) {
    state.isTracking = args['enable'] === true;
    return {};
  },
  async 'xen-save-devices-state'(state, args) {
    const devices = [...state.devices];
    const file = `${state.root}${textOf(args, 'filename')}`;
    // Its root folder is another's: it makes no file there.
    const flag = state.root === '' ? 'w' : 'r+';
    await writeFile(file, `${STATE_MAGIC}${JSON.stringify({ devices })}`, { flag }).catch(refuse);
    return {};
  },
  async 'xen-load-devices-state'(state, args) {
    await loadState(state, textOf(args, 'filename'));
    return {};
  },
  system_wakeup: () => ({}),
  system_reset(_state, _args, tell) {
    tell('RESET', { guest: false });
    return {};
  },
  system_powerdown(_state, _args, tell) {
    tell('POWERDOWN');
    return {};
  },
};

/** Takes over what another stand-in has saved. Throws QmpRefusal for anything else. */
export async function loadState(state: ModelState, file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  if (!text.startsWith(STATE_MAGIC)) {
    throw new QmpRefusal('GenericError', `${file} holds no state of this device model`);
  }
  // What follows the magic was written by this module.
  const { devices } = JSON.parse(text.slice(STATE_MAGIC.length)) as {
    readonly devices: readonly (readonly [string, string])[];
  };
  for (const [id, driver] of devices) state.devices.set(id, driver);
}

function setRunning(state: ModelState, isRunning: boolean, tell: Tell): unknown {
  if (state.isRunning !== isRunning) tell(isRunning ? 'RESUME' : 'STOP');
  state.isRunning = isRunning;
  return {};
}

/** As QEMU words an error of the system. */
function refuse(error: unknown): never {
  throw new QmpRefusal('GenericError', `Could not open it: ${String(error)}`);
}

const driveOf = (args: Args): string => textOf(args, 'id' in args ? 'id' : 'device');

function textOf(args: Args, key: string): string {
  const value = args[key];
  if (typeof value === 'string') return value;
  throw new QmpRefusal('GenericError', `Parameter '${key}' is missing`);
}
