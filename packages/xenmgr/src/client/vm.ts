/** VMs and their devices, seen by a program. */
import { AbortedError } from '@xenops/core/errors';
import type { VmUuid } from '@xenops/core/ids';
import { withDeadline } from '@xenops/core/lifetime';
import {
  DbusError,
  STANDARD_ERROR,
  type Bus,
  type CallOptions,
  type ObjectPath,
  type Target,
} from '@xenops/rpcgen/runtime';
import { ComCitrixXenclientVmdiskClient } from '../generated/vm_disk.ts';
import { ComCitrixXenclientVmnicClient } from '../generated/vm_nic.ts';
import {
  ComCitrixXenclientXenmgrVmAuthClient,
  ComCitrixXenclientXenmgrVmClient,
  ComCitrixXenclientXenmgrVmPciClient,
  ComCitrixXenclientXenmgrVmProductClient,
  ComCitrixXenclientXenmgrVmUnrestrictedClient,
} from '../generated/xenmgr_vm.ts';
import { XenmgrClientError } from './errors.ts';
import { vmPath } from './names.ts';
import type { Xenmgr } from './xenmgr.ts';

/** A disk. Its methods and properties are those of `com.citrix.xenclient.vmdisk`. */
export class Disk extends ComCitrixXenclientVmdiskClient {
  readonly path: string;

  constructor(bus: Bus, target: Target) {
    super(bus, target);
    this.path = target.path;
  }
}

/** A network interface. Its methods and properties are those of `com.citrix.xenclient.vmnic`. */
export class Nic extends ComCitrixXenclientVmnicClient {
  readonly path: string;

  constructor(bus: Bus, target: Target) {
    super(bus, target);
    this.path = target.path;
  }
}

/** How long to wait for a state. */
export interface WaitForStateOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** A VM. Its own methods and properties are those of `com.citrix.xenclient.xenmgr.vm`. */
export class Vm extends ComCitrixXenclientXenmgrVmClient {
  readonly uuid: VmUuid;
  readonly path: ObjectPath;
  readonly auth: ComCitrixXenclientXenmgrVmAuthClient;
  readonly pci: ComCitrixXenclientXenmgrVmPciClient;
  readonly product: ComCitrixXenclientXenmgrVmProductClient;
  /** The same properties, and some more, without the check of the VM's policy. */
  readonly unrestricted: ComCitrixXenclientXenmgrVmUnrestrictedClient;
  readonly #xenmgr: Xenmgr;

  constructor(xenmgr: Xenmgr, uuid: VmUuid) {
    const { bus, busName } = xenmgr;
    const path = vmPath(uuid);
    const target = { destination: busName, path };
    super(bus, target);
    this.uuid = uuid;
    this.path = path;
    this.auth = new ComCitrixXenclientXenmgrVmAuthClient(bus, target);
    this.pci = new ComCitrixXenclientXenmgrVmPciClient(bus, target);
    this.product = new ComCitrixXenclientXenmgrVmProductClient(bus, target);
    this.unrestricted = new ComCitrixXenclientXenmgrVmUnrestrictedClient(bus, target);
    this.#xenmgr = xenmgr;
  }

  /** Its disks, by id. */
  async disks(options?: CallOptions): Promise<readonly Disk[]> {
    const { bus, busName } = this.#xenmgr;
    const paths = await this.list_disks(options);
    return paths.map((path) => new Disk(bus, { destination: busName, path }));
  }

  /** Its network interfaces, by id. */
  async nics(options?: CallOptions): Promise<readonly Nic[]> {
    const { bus, busName } = this.#xenmgr;
    const paths = await this.list_nics(options);
    return paths.map((path) => new Nic(bus, { destination: busName, path }));
  }

  /**
   * Waits until it is in one of these states (VM_STATE) or has passed through one, and gives that. Goes on over a
   * restart of the service. Rejects with TIMEOUT, whose context has the last state, with ABORTED, and with
   * XENMGR_NO_VM when the VM is deleted.
   */
  async waitForState(states: readonly string[], options: WaitForStateOptions): Promise<string> {
    let last: string | undefined;
    const what = `VM ${this.uuid} to be ${states.join(' or ')}`;
    const lastState = (): string => last ?? 'unknown, for the service does not answer';
    return withDeadline({ what, lastState }, options, async (signal) => {
      for await (const state of this.#states(signal)) {
        last = state;
        if (state !== undefined && states.includes(state)) return state;
      }
      throw new AbortedError({ message: `Gave up waiting for ${what}`, cause: signal.reason });
    });
  }

  /** Its state now, and each one that follows, until the signal fires; undefined while nobody tells. */
  async *#states(signal: AbortSignal): AsyncGenerator<string | undefined, void, undefined> {
    const kinds = ['vm-state', 'vm-deleted', 'service-gone', 'service-back'] as const;
    const events = await this.#xenmgr.events({ kinds, signal });
    try {
      yield await this.#stateNow(signal);
      for await (const event of events) {
        if (event.kind === 'service-gone') yield undefined;
        if (event.kind === 'service-back') yield await this.#stateNow(signal);
        if (!('uuid' in event) || event.uuid !== this.uuid) continue;
        if (event.kind === 'vm-state') yield event.state;
        if (event.kind === 'vm-deleted') throw deleted(this.uuid);
      }
    } finally {
      await events.return?.();
    }
  }

  /** Undefined when the service goes away instead of answering: its return is an event. */
  async #stateNow(signal: AbortSignal): Promise<string | undefined> {
    try {
      return await this.properties.get('state', { signal });
    } catch (error) {
      if (error instanceof DbusError && SERVICE_GONE.includes(error.errorName)) return undefined;
      throw error;
    }
  }
}

const SERVICE_GONE: readonly string[] = [
  STANDARD_ERROR.noReply,
  STANDARD_ERROR.serviceUnknown,
  STANDARD_ERROR.nameHasNoOwner,
];

function deleted(uuid: VmUuid): XenmgrClientError {
  return new XenmgrClientError('XENMGR_NO_VM', {
    message: 'The VM was deleted while its state was awaited',
    context: { uuid },
  });
}
