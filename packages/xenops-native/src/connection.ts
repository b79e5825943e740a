/**
 * The connection that all verbs share: makes calls at once or on threads of the addon, and turns failures into errors that
 * say what was being done to what.
 */
import { AsyncResource } from 'node:async_hooks';
import { AbortedError, HypervisorError, type ErrorContext } from '@xenops/core/errors';
import { DOM0, type Domid } from '@xenops/core/ids';
import type { DomainInfo, LongCallOptions, XenVersion } from '@xenops/core/hypervisor';
import type { AddonStageListener } from './addon-build.ts';
import type { Addon, AddonDomainLayout, AddonOperation, XcInterface } from './addon.ts';
import { DomainRecords, DomainTable } from './domain-list-codec.ts';
import { errorFromAddon } from './errno.ts';
import type { OpenedXen } from './load-addon.ts';

/** What is being done, for messages ("pause domain 7") and for their context. Asked only after a failure. */
export interface Deed {
  readonly what: string;
  readonly context: ErrorContext;
}

/** Hears of the stages of a long call; undefined when nobody listens. */
export type StageListener = AddonStageListener;

/**
 * The verbs of an interface as the addon gives them: those in `Long` by promise, because they run on threads; of all others
 * the plain value, at once.
 */
export type Verbs<T, Long extends keyof T = never> = Pick<T, Long> & {
  readonly [Name in Exclude<keyof T, Long>]: T[Name] extends (...args: infer Args) => infer Result
    ? (...args: Args) => Exclude<Result, Promise<unknown>>
    : T[Name];
};

export class Connection {
  readonly addon: Addon;
  readonly version: XenVersion;
  readonly #domainLayout: AddonDomainLayout;
  /** Room for the one domain that is looked up. */
  readonly #found: DomainRecords;
  /** Operations on threads, so that closing can wait for them. */
  readonly #running = new Set<Promise<unknown>>();
  #xc: XcInterface | undefined;

  /** Takes over what was opened. */
  constructor({ addon, xc, version }: OpenedXen) {
    this.addon = addon;
    this.version = version;
    this.#xc = xc;
    this.#domainLayout = addon.domainLayout();
    this.#found = new DomainRecords(this.#domainLayout, 1);
  }

  /** Makes a call that takes microseconds. Throws HypervisorError. */
  call<T>(deed: Deed, call: (xc: XcInterface, addon: Addon) => T): T {
    const xc = this.#open(deed);
    try {
      return call(xc, this.addon);
    } catch (error) {
      throw errorFromAddon(error, deed.what, deed.context);
    }
  }

  /** What Xen knows of a domain; undefined when there is none of exactly this domid. Throws what the addon throws. */
  findDomain(xc: XcInterface, domid: Domid): DomainInfo | undefined {
    const isThere = this.addon.findDomain(xc, domid, this.#found.buffer);
    return isThere ? this.#found.decode(0) : undefined;
  }

  /** An empty list of domains. */
  newTable(): DomainTable {
    return new DomainTable(this.#domainLayout);
  }

  /** Runs a call on a thread of its own. Rejects with HypervisorError, or with ABORTED once `signal` has fired. */
  async run<T>(
    deed: Deed,
    start: (xc: XcInterface, onStage: StageListener, addon: Addon) => AddonOperation<T>,
    { signal, onProgress }: LongCallOptions = {},
  ): Promise<T> {
    this.#open(deed);
    const { what, context } = deed;
    if (signal?.aborted === true) throw calledOff(what, context, signal);
    let listenerError: { readonly error: unknown } | undefined;
    const onStage = (stage: string, done?: number, total?: number): void => {
      const progress = {
        ...(done === undefined ? {} : { done }),
        ...(total === undefined ? {} : { total }),
      };
      try {
        onProgress?.({ stage, ...progress });
      } catch (error) {
        // Whoever watches has failed: stop, and say why.
        listenerError ??= { error };
        operation.abort();
      }
    };
    // Bound: the addon calls back in the asynchronous context of the first long call, whosever this one is.
    const operation = this.call(deed, (xc, addon) =>
      start(xc, onProgress === undefined ? undefined : AsyncResource.bind(onStage), addon),
    );
    this.#running.add(operation.done);
    signal?.addEventListener('abort', operation.abort, { once: true });
    try {
      const result = await operation.done;
      if (listenerError !== undefined) throw listenerError.error;
      return result;
    } catch (error) {
      if (listenerError !== undefined) throw listenerError.error;
      const told = errorFromAddon(error, what, context);
      throw told instanceof AbortedError && signal !== undefined
        ? calledOff(what, told.context, signal)
        : told;
    } finally {
      signal?.removeEventListener('abort', operation.abort);
      this.#running.delete(operation.done);
    }
  }

  /** Waits for what is under way, then closes. Every later call fails with HYPERVISOR_UNAVAILABLE. */
  async close(): Promise<void> {
    const xc = this.#xc;
    this.#xc = undefined;
    await Promise.allSettled(this.#running);
    if (xc !== undefined) this.addon.closeInterface(xc);
  }

  #open(deed: Deed): XcInterface {
    if (this.#xc !== undefined) return this.#xc;
    throw new HypervisorError('HYPERVISOR_UNAVAILABLE', {
      message: `Cannot ${deed.what}: this connection to the hypervisor has been closed`,
    });
  }
}

/** Makes a call of the addon. Throws HypervisorError that says what was being done. */
export function attempt<T>(deed: Deed, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw errorFromAddon(error, deed.what, deed.context);
  }
}

/** Something done to the host. */
export function onHost(what: string, context: ErrorContext = {}): Deed {
  return { what, context };
}

/** Something done to a domain, which may be Dom0. */
export function onDomain(verb: string, domid: Domid, context?: ErrorContext): Deed {
  return new DomainDeed(verb, domid, context);
}

/** Something done to a guest. Throws HYPERVISOR_BAD_ARGUMENT for Dom0, which it would stop; Xen is never asked. */
export function onGuest(verb: string, domid: Domid, context?: ErrorContext): Deed {
  const deed = onDomain(verb, domid, context);
  if (domid !== DOM0) return deed;
  throw new HypervisorError('HYPERVISOR_BAD_ARGUMENT', {
    message: `Cannot ${deed.what}: it is the control domain`,
    context: { domid },
  });
}

/** Puts its text together when it is asked for: most calls succeed, and take less time than that. */
class DomainDeed implements Deed {
  readonly #verb: string;
  readonly #domid: Domid;
  readonly #details: ErrorContext | undefined;

  constructor(verb: string, domid: Domid, details: ErrorContext | undefined) {
    this.#verb = verb;
    this.#domid = domid;
    this.#details = details;
  }

  get what(): string {
    return `${this.#verb} domain ${this.#domid}`;
  }

  get context(): ErrorContext {
    return { domid: this.#domid, ...this.#details };
  }
}

function calledOff(what: string, context: ErrorContext, signal: AbortSignal): AbortedError {
  return new AbortedError({ message: `Called off: ${what}`, context, cause: signal.reason });
}
