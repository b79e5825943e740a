/** The service as a whole, seen by a program. */
import type { VmUuid } from '@xenops/core/ids';
import {
  connectBus,
  DbusError,
  STANDARD_ERROR,
  type Bus,
  type CallOptions,
  type ConnectOptions,
  type ObjectPath,
} from '@xenops/rpcgen/runtime';
import {
  ComCitrixXenclientPolicyClient,
  ComCitrixXenclientXenmgrClient,
  ComCitrixXenclientXenmgrConfigClient,
  ComCitrixXenclientXenmgrConfigUiClient,
  ComCitrixXenclientXenmgrDiagClient,
  ComCitrixXenclientXenmgrGuestreqClient,
  ComCitrixXenclientXenmgrUnrestrictedClient,
} from '../generated/xenmgr.ts';
import { XenmgrClientError } from './errors.ts';
import {
  subscribeToEvents,
  XENMGR_EVENT_KINDS,
  type XenmgrEvent,
  type XenmgrEventKind,
} from './events.ts';
import { Host } from './host.ts';
import { mapBounded } from './map-bounded.ts';
import { ROOT_PATH, uuidOfVmPath, vmPath, XENMGR_BUS_NAME } from './names.ts';
import { Vm } from './vm.ts';

/** How to reach the service. */
export interface XenmgrConnectOptions extends ConnectOptions {
  /** The bus name that serves; by default the service's own. */
  readonly busName?: string;
}

/** Which VM is meant. Of several with that name, the first that the service lists. */
export type VmSelector =
  { readonly uuid: VmUuid } | { readonly name: string } | { readonly domid: number };

/** What a list of VMs shows. */
export interface VmSummary {
  readonly uuid: VmUuid;
  readonly path: ObjectPath;
  readonly name: string;
  /** Undefined when no domain runs. */
  readonly domid: number | undefined;
  /** One of VM_STATE. */
  readonly state: string;
}

/** Connects to a bus for the service there, which is started when it can be. Rejects as `connectBus` does. */
export async function connectXenmgr(options: XenmgrConnectOptions): Promise<Xenmgr> {
  return new Xenmgr(await connectBus(options), options.busName);
}

/**
 * The service. Its own methods are those of `com.citrix.xenclient.xenmgr` and the ones below. Every call rejects with
 * DbusError for an error reply, whose historical number `findErrorNumber` gives, and with BusError for everything else.
 */
export class Xenmgr extends ComCitrixXenclientXenmgrClient implements AsyncDisposable {
  readonly bus: Bus;
  readonly busName: string;
  readonly host: Host;
  readonly policy: ComCitrixXenclientPolicyClient;
  readonly config: ComCitrixXenclientXenmgrConfigClient;
  readonly uiConfig: ComCitrixXenclientXenmgrConfigUiClient;
  readonly diagnostics: ComCitrixXenclientXenmgrDiagClient;
  readonly guestRequests: ComCitrixXenclientXenmgrGuestreqClient;
  /** Creation and deletion that the policy of the host does not stop. */
  readonly unrestricted: ComCitrixXenclientXenmgrUnrestrictedClient;

  constructor(bus: Bus, busName: string = XENMGR_BUS_NAME) {
    const target = { destination: busName, path: ROOT_PATH };
    super(bus, target);
    this.bus = bus;
    this.busName = busName;
    this.host = new Host(bus, busName);
    this.policy = new ComCitrixXenclientPolicyClient(bus, target);
    this.config = new ComCitrixXenclientXenmgrConfigClient(bus, target);
    this.uiConfig = new ComCitrixXenclientXenmgrConfigUiClient(bus, target);
    this.diagnostics = new ComCitrixXenclientXenmgrDiagClient(bus, target);
    this.guestRequests = new ComCitrixXenclientXenmgrGuestreqClient(bus, target);
    this.unrestricted = new ComCitrixXenclientXenmgrUnrestrictedClient(bus, target);
  }

  /** The VM with that object, without asking whether there is one. Throws CONFIG_BAD_VALUE for another path. */
  vmAt(path: string): Vm {
    return new Vm(this, uuidOfVmPath(path));
  }

  /** All VMs, in the order of the service. One that is deleted meanwhile is left out. */
  async listVms(options?: CallOptions): Promise<readonly VmSummary[]> {
    const paths = await this.list_vms(options);
    return mapBounded(paths, { callsEach: 3, options }, async (path, ours) => {
      return unlessGone(summaryOf(this.vmAt(path), ours));
    });
  }

  /** The VM that is meant, or undefined. */
  async findVm(selector: VmSelector, options?: CallOptions): Promise<Vm | undefined> {
    const paths = await this.list_vms(options);
    if ('uuid' in selector) {
      const path = vmPath(selector.uuid);
      return paths.includes(path) ? this.vmAt(path) : undefined;
    }
    const matching = await mapBounded(paths, { callsEach: 1, options }, async (path, ours) => {
      const vm = this.vmAt(path);
      return (await unlessGone(isMeant(vm, selector, ours))) === true ? vm : undefined;
    });
    return matching[0];
  }

  /** The VM that is meant. Rejects with XENMGR_NO_VM. */
  async getVm(selector: VmSelector, options?: CallOptions): Promise<Vm> {
    const vm = await this.findVm(selector, options);
    if (vm !== undefined) return vm;
    throw new XenmgrClientError('XENMGR_NO_VM', {
      message: 'There is no such VM; listVms gives those that there are',
      context: { ...selector },
    });
  }

  /**
   * What happens, in order, from the moment that this resolves: all kinds of events, or those that are named. The
   * iteration ends when the consumer stops or the signal fires, and throws when the bus is closed, or `DBUS_LIMIT`
   * when the consumer is too slow.
   */
  async events(
    options: { readonly kinds?: readonly XenmgrEventKind[]; readonly signal?: AbortSignal } = {},
  ): Promise<AsyncIterableIterator<XenmgrEvent>> {
    const { kinds = XENMGR_EVENT_KINDS, ...rest } = options;
    return this.bus.openQueue((deliver) => subscribeToEvents(this, kinds, deliver), rest);
  }

  /** Closes the connection to the bus. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.bus.close();
  }
}

async function summaryOf({ uuid, path, properties }: Vm, options: CallOptions): Promise<VmSummary> {
  const [name, domid, state] = await Promise.all([
    properties.get('name', options),
    properties.get('domid', options),
    properties.get('state', options),
  ]);
  return { uuid, path, name, domid: domid < 0 ? undefined : domid, state };
}

async function isMeant(
  { properties }: Vm,
  selector: { readonly name: string } | { readonly domid: number },
  options: CallOptions,
): Promise<boolean> {
  if ('name' in selector) return (await properties.get('name', options)) === selector.name;
  return (await properties.get('domid', options)) === selector.domid;
}

/** The answer, or undefined when the object that was asked is there no more. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DbusError && error.errorName === STANDARD_ERROR.unknownObject) {
      return undefined;
    }
    throw error;
  }
}
