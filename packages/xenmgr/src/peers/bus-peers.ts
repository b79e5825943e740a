/** The other daemons on the bus. Signatures are those of their interface documents. */
import { BusError, DbusError, STANDARD_ERROR, type Bus } from '@xenops/rpcgen/runtime';
import { ManagerError } from '../manager/manager-error.ts';
import type {
  AgentPeer,
  DisplayPeer,
  InputPeer,
  NetworkPeer,
  PeerNetwork,
  Peers,
  UsbPeer,
} from './peers.ts';

const TIMEOUT_MS = 10_000;
const INPUT = 'com.citrix.xenclient.input';
const NETWORK = 'com.citrix.xenclient.networkdaemon';
const NETWORK_CONFIG = 'com.citrix.xenclient.network.config';
const DISPLAY = 'com.citrix.xenclient.surfman';
const USB = 'com.citrix.xenclient.usbdaemon';
const GUEST = 'com.citrix.xenclient.guest';
const PROPERTIES = 'org.freedesktop.DBus.Properties';

/** Errors that say that there is nobody, or not that object. */
const ABSENT: readonly string[] = [STANDARD_ERROR.serviceUnknown, STANDARD_ERROR.nameHasNoOwner];
const NO_OBJECT: readonly string[] = [
  STANDARD_ERROR.unknownObject,
  STANDARD_ERROR.unknownInterface,
  STANDARD_ERROR.unknownMethod,
];

interface PeerCall {
  readonly destination: string;
  readonly path?: string;
  readonly interface?: string;
  readonly member: string;
  readonly input?: string;
  readonly output?: string;
  readonly args?: readonly unknown[];
}

/** The name that the agent of a guest has on the bus. */
export function agentBusName(uuid: string): string {
  return `${GUEST}.uuid_${uuid.replaceAll('-', '_')}`;
}

/** The peers on this bus. */
export function busPeers(bus: Bus): Peers {
  const isOwned = async (name: string): Promise<boolean> => {
    const driver = 'org.freedesktop.DBus';
    const target = { destination: driver, interface: driver, path: '/org/freedesktop/DBus' };
    const member = { member: 'NameHasOwner', input: 's', output: 'b' };
    return (
      (await bus.call({ ...target, ...member }, [name], { timeoutMs: TIMEOUT_MS }))[0] === true
    );
  };
  return {
    isOwned,
    input: inputPeer(bus),
    network: networkPeer(bus, isOwned),
    display: displayPeer(bus),
    usb: usbPeer(bus),
    agent: agentPeer(bus, isOwned),
  };
}

/** Calls a peer for what it does, not for what it answers. As `call`. */
async function tell(bus: Bus, wanted: PeerCall): Promise<void> {
  await call(bus, wanted);
}

/** Calls a peer. Rejects with ManagerError: PEER_ABSENT, or IO with what the peer said. */
async function call(bus: Bus, wanted: PeerCall): Promise<readonly unknown[]> {
  const { destination, path = '/', member, input = '', output = '', args = [] } = wanted;
  const target = {
    ...{ destination, path, member, input, output },
    interface: wanted.interface ?? destination,
  };
  try {
    return await bus.call(target, args, { timeoutMs: TIMEOUT_MS });
  } catch (cause) {
    if (!(cause instanceof DbusError) && !(cause instanceof BusError)) throw cause;
    const isAbsent = cause instanceof DbusError && ABSENT.includes(cause.errorName);
    throw new ManagerError(isAbsent ? 'PEER_ABSENT' : 'IO', {
      message: isAbsent ? `${destination} is not there` : `${destination}: ${cause.message}`,
      context: { peer: destination, member },
      cause,
    });
  }
}

function inputPeer(bus: Bus): InputPeer {
  const ask = (member: string, types = '', args: readonly unknown[] = [], output = '') =>
    call(bus, { destination: INPUT, member, input: types, args, output });
  const say = (member: string, types = '', args: readonly unknown[] = [], output = '') =>
    tell(bus, { destination: INPUT, member, input: types, args, output });
  return {
    switchFocus: async (domid, isForced) =>
      (await ask('switch_focus', 'ib', [domid, isForced], 'b'))[0] === true,
    setSlot: (domid, slot) => say('set_slot', 'ii', [domid, slot]),
    updateSeamlessMouseSettings: (uuid) => say('update_seamless_mouse_settings', 's', [uuid]),
    isAuthOnBoot: async () => (await ask('get_auth_on_boot', '', [], 'b'))[0] === true,
    beginAuth: () => say('auth_begin', '', [], 'b'),
    setAuthContext: (user, title, flags) =>
      say('auth_set_context_flags', 'ssi', [user, title, flags]),
    lock: (canSwitchVms) => say('lock', 'b', [canSwitchVms]),
    focusDomid: async () => Number((await ask('get_focus_domid', '', [], 'i'))[0]),
  };
}

function networkPeer(bus: Bus, isOwned: (name: string) => Promise<boolean>): NetworkPeer {
  const ask = (member: string, types = '', args: readonly unknown[] = [], output = '') =>
    call(bus, { destination: NETWORK, member, input: types, args, output });
  const say = (member: string, types = '', args: readonly unknown[] = [], output = '') =>
    tell(bus, { destination: NETWORK, member, input: types, args, output });
  return {
    isPresent: () => isOwned(NETWORK),
    isInitialized: async () => (await ask('is_initialized', '', [], 'b'))[0] === true,
    network: (path) => findNetwork(bus, path),
    networkBackend: async (network) =>
      String((await ask('get_network_backend', 's', [network], 's'))[0]),
    moveToNetwork: (vif, network) => say('move_to_network', 'ss', [vif, network]),
    ndvmStatus: (uuid, domid, status) => say('ndvm_status', 'siu', [uuid, domid, status]),
  };
}

async function findNetwork(bus: Bus, path: string): Promise<PeerNetwork | undefined> {
  try {
    const [values] = await call(bus, {
      ...{ destination: NETWORK, path, interface: PROPERTIES, member: 'GetAll' },
      ...{ input: 's', output: 'a{sv}', args: [NETWORK_CONFIG] },
    });
    const text = (name: string): string => textOf(values, name);
    return {
      path,
      name: text('name'),
      bridge: text('bridge'),
      backendUuid: text('backend-uuid'),
      isWireless: ['wifi', 'wireless'].includes(text('type')),
    };
  } catch (error) {
    const cause = error instanceof ManagerError ? error.cause : undefined;
    if (cause instanceof DbusError && NO_OBJECT.includes(cause.errorName)) return undefined;
    throw error;
  }
}

/** A text among properties; empty for anything else. */
function textOf(values: unknown, name: string): string {
  const found: unknown = values instanceof Map ? values.get(name) : undefined;
  const value: unknown =
    typeof found === 'object' && found !== null && 'value' in found ? found.value : found;
  return typeof value === 'string' ? value : '';
}

function displayPeer(bus: Bus): DisplayPeer {
  const ask = (member: string, output: string) =>
    call(bus, { destination: DISPLAY, member, output });
  const say = (member: string) => tell(bus, { destination: DISPLAY, member });
  return {
    visibleDomids: async () => {
      const [domids] = await ask('get_visible', 'ai');
      return Array.isArray(domids) ? domids.map(Number) : [];
    },
    beforeS3: () => say('pre_s3'),
    afterS3: () => say('post_s3'),
  };
}

function usbPeer(bus: Bus): UsbPeer {
  const say = (member: string, domid: number): Promise<void> =>
    tell(bus, { destination: USB, member, input: 'i', args: [domid] });
  return {
    vmStarted: (domid) => say('new_vm', domid),
    vmStopped: (domid) => say('vm_stopped', domid),
  };
}

function agentPeer(bus: Bus, isOwned: (name: string) => Promise<boolean>): AgentPeer {
  return {
    isPresent: (uuid) => isOwned(agentBusName(uuid)),
    request: (uuid, what) =>
      tell(bus, {
        destination: agentBusName(uuid),
        interface: GUEST,
        member: `request_${what}`,
      }),
  };
}
