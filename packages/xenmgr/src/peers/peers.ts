/**
 * The other daemons of the system, as far as the manager calls them. Each call has a time limit and rejects with
 * ManagerError `PEER_ABSENT` when nobody owns the bus name, so that each caller decides what goes on without it.
 */

/** The daemon of keyboards, mice and authentication. */
export interface InputPeer {
  switchFocus(domid: number, isForced: boolean): Promise<boolean>;
  setSlot(domid: number, slot: number): Promise<void>;
  updateSeamlessMouseSettings(uuid: string): Promise<void>;
  isAuthOnBoot(): Promise<boolean>;
  beginAuth(): Promise<void>;
  setAuthContext(user: string, title: string, flags: number): Promise<void>;
  lock(canSwitchVms: boolean): Promise<void>;
  /** The domid that has keyboard and mouse. */
  focusDomid(): Promise<number>;
}

/** A network as the network daemon has it. */
export interface PeerNetwork {
  /** Object path, such as `/wired/0/bridged`. */
  readonly path: string;
  readonly name: string;
  readonly bridge: string;
  /** Uuid of the VM that carries it; empty for Dom0. */
  readonly backendUuid: string;
  readonly isWireless: boolean;
}

export interface NetworkPeer {
  /** Whether somebody plays that part here; without one, networks are bridges of Dom0. */
  isPresent(): Promise<boolean>;
  isInitialized(): Promise<boolean>;
  /** The network at an object path; undefined when the daemon has none there. */
  network(path: string): Promise<PeerNetwork | undefined>;
  /** Uuid of the VM that carries the network; empty when nobody in particular does. */
  networkBackend(network: string): Promise<string>;
  moveToNetwork(vif: string, network: string): Promise<void>;
  ndvmStatus(uuid: string, domid: number, status: number): Promise<void>;
}

/** The daemon of screens. */
export interface DisplayPeer {
  visibleDomids(): Promise<readonly number[]>;
  beforeS3(): Promise<void>;
  afterS3(): Promise<void>;
}

export interface UsbPeer {
  vmStarted(domid: number): Promise<void>;
  vmStopped(domid: number): Promise<void>;
}

/** What a guest's agent can be asked for. */
export type AgentRequest = 'shutdown' | 'sleep' | 'hibernate' | 'reboot';

/** The agent of a guest, which has a bus name of its own while it runs. */
export interface AgentPeer {
  isPresent(uuid: string): Promise<boolean>;
  request(uuid: string, what: AgentRequest): Promise<void>;
}

export interface Peers {
  readonly input: InputPeer;
  readonly network: NetworkPeer;
  readonly display: DisplayPeer;
  readonly usb: UsbPeer;
  readonly agent: AgentPeer;
  /** Whether somebody owns a bus name. */
  isOwned(busName: string): Promise<boolean>;
}
