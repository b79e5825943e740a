/**
 * Faults of a simulated host, on purpose and repeatable. Everything that can fail is a step with a number: a call of the
 * hypervisor fails with an error number, a request to xenstored finds the connection cut, a call of Dom0's kernel for files,
 * processes, disks or networks is refused. A test counts the steps of an operation, then fails each in turn.
 */
import { DeviceError } from '@xenops/core/errors';
import type { Clock, HostServices } from '@xenops/core/host';
import type { HotplugServices } from '@xenops/core/hotplug';
import type { Connector, Transport, TransportHandlers } from '@xenops/core/xenstore';
import { callFailure, type ErrnoName } from '../hypervisor/call-failure.ts';
import type { Verb } from '../hypervisor/verbs.ts';
import { seededRandom } from './seeded-random.ts';

/** The N-th call fails, of this verb or of all; counted from 1. */
export interface CallFault {
  readonly verb?: Verb;
  readonly nth: number;
  /** EIO unless said. */
  readonly errno?: ErrnoName;
}

export interface FaultOptions {
  readonly calls?: readonly CallFault[];
  /** The step with this number fails, whatever it is; counted from 1. */
  readonly step?: number;
  /** What a call fails with at `step` and by chance; EIO unless said, ENOMEM is a host that runs out of memory. */
  readonly errno?: ErrnoName;
  /** How often steps fail by chance, 0 to 1. */
  readonly rate?: number;
  /** Of chance; a run with the same seed and the same steps fails at the same ones. */
  readonly seed?: number;
  /** What xenstored sends comes this much later, watch events and answers alike, in order. */
  readonly storeDelayMs?: number;
}

/** A call of Dom0's kernel. */
export type HostCall =
  | `hotplug.${Extract<keyof HotplugServices, string>}`
  | `services.${Extract<keyof HostServices, string>}`;

/** What failed. */
export interface InjectedFault {
  readonly step: number;
  readonly what: Verb | 'xenstore' | HostCall;
}

export class FaultPlan {
  readonly #clock: Clock;
  #options: FaultOptions = {};
  #random: () => number = seededRandom(0);
  #calls = new Map<Verb | 'any', number>();
  #stepCount = 0;
  #injected: InjectedFault[] = [];

  constructor(clock: Clock, options: FaultOptions = {}) {
    this.#clock = clock;
    this.arm(options);
  }

  /** Steps since the plan was armed. */
  get stepCount(): number {
    return this.#stepCount;
  }

  /** What has failed since the plan was armed. */
  get injected(): readonly InjectedFault[] {
    return this.#injected;
  }

  /** Counts anew, and fails from now on what these say; nothing without. */
  arm(options: FaultOptions = {}): void {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 0);
    this.#calls = new Map();
    this.#stepCount = 0;
    this.#injected = [];
  }

  /** To be called before each verb. Throws the fault. */
  beforeCall(verb: Verb): void {
    const isStepHit = this.#isStepHit();
    const nths = [this.#count(verb), this.#count('any')] as const;
    const fault = this.#options.calls?.find(
      (call) =>
        call.nth === (call.verb === undefined ? nths[1] : nths[0]) && (call.verb ?? verb) === verb,
    );
    if (fault === undefined && !isStepHit) return;
    this.#injected.push({ step: this.#stepCount, what: verb });
    throw callFailure({
      call: verb,
      errno: fault?.errno ?? this.#options.errno ?? 'EIO',
      message: `Injected at step ${this.#stepCount}: ${verb} fails`,
    });
  }

  /** The same hotplug, each call of which is a step. */
  wrapHotplug(services: HotplugServices): HotplugServices {
    return this.#wrapCalls('hotplug', services, (message) => {
      return new DeviceError('HOTPLUG_FAILED', { message });
    });
  }

  /** The same services of the machine, each call of which is a step. */
  wrapServices(services: HostServices): HostServices {
    // As Node has the errors of the system.
    return this.#wrapCalls('services', services, (message) =>
      Object.assign(new Error(`EIO: ${message}`), { code: 'EIO' }),
    );
  }

  #wrapCalls<Services extends object>(
    group: 'hotplug' | 'services',
    services: Services,
    failure: (message: string) => Error,
  ): Services {
    const members = Object.entries(services).map(([name, member]: [string, unknown]) => {
      if (typeof member !== 'function') return [name, member] as const;
      const call = async (...args: readonly unknown[]): Promise<unknown> => {
        if (this.#isStepHit()) {
          this.#injected.push({ step: this.#stepCount, what: `${group}.${name}` as HostCall });
          throw failure(`Injected at step ${this.#stepCount}: ${name} fails`);
        }
        return Reflect.apply(member, services, args);
      };
      return [name, call] as const;
    });
    // The same members, all of whose calls answer by a promise.
    return Object.fromEntries(members) as Services;
  }

  /** The same connections, with faults in them. */
  wrap(connector: Connector): Connector {
    return async (handlers) => {
      return this.#cuttable(await connector(this.#late(handlers)));
    };
  }

  #cuttable(transport: Transport): Transport {
    let isCut = false;
    return {
      send: (message) => {
        if (isCut) return;
        if (!this.#isStepHit()) {
          transport.send(message);
          return;
        }
        isCut = true;
        this.#injected.push({ step: this.#stepCount, what: 'xenstore' });
        // As on a socket, the loss is noticed after the sending.
        queueMicrotask(() => transport.close());
      },
      setRef: (keepAlive) => transport.setRef(keepAlive),
      close: () => transport.close(),
    };
  }

  #late(handlers: TransportHandlers): TransportHandlers {
    let isClosed = false;
    return {
      onData: (chunk) => {
        const { storeDelayMs = 0 } = this.#options;
        if (storeDelayMs === 0) {
          handlers.onData(chunk);
          return;
        }
        this.#clock.startTimer(storeDelayMs, () => {
          if (!isClosed) handlers.onData(chunk);
        });
      },
      onClose: (cause) => {
        if (isClosed) return;
        isClosed = true;
        handlers.onClose(cause);
      },
    };
  }

  #isStepHit(): boolean {
    this.#stepCount += 1;
    const { step, rate = 0 } = this.#options;
    return this.#stepCount === step || (rate > 0 && this.#random() < rate);
  }

  #count(what: Verb | 'any'): number {
    const count = (this.#calls.get(what) ?? 0) + 1;
    this.#calls.set(what, count);
    return count;
  }
}
