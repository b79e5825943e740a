/** Event channels, grants and foreign memory for a back-end in Dom0: real bytes, shared with the script of the guest. */
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import type { EventChannels, MappedMemory, RingAccess } from '@xenops/core/hypervisor';
import { evtchn, type Domid, type Evtchn } from '@xenops/core/ids';
import type { CallPlace, ErrnoName } from './call-failure.ts';
import type { DomainRecord } from './domain-record.ts';
import type { EventPorts } from './event-ports.ts';
import { refuse, type XenState } from './xen-state.ts';

const DOM0_DOMID = 0;
const NO_BYTES = new Uint8Array(0);

/** A back-end's access; everything it has is released with it. */
export function openRings(xen: XenState): RingAccess {
  const owned = new Set<{ release(): void }>();
  const keep = <T extends { release(): void }>(thing: T): T => {
    owned.add(thing);
    return thing;
  };
  let isOpen = true;
  const check = (): void => {
    if (!isOpen) throw closed();
  };
  return {
    openEventChannels() {
      check();
      return keep(new SimEventChannels(xen));
    },
    mapGrants(domid, refs, { writable = false } = {}) {
      check();
      const place = { call: 'xengnttab_map_domain_grant_refs', domid };
      const domain = xen.get(domid, place.call);
      const frames = refs.map((ref) => grantedFrame(domain, ref, writable, place));
      return keep(map(xen, domain, frames, place));
    },
    mapFrames(domid, frames) {
      check();
      const place = { call: 'xenforeignmemory_map', domid };
      return keep(map(xen, xen.get(domid, place.call), frames, place));
    },
    async [Symbol.asyncDispose]() {
      isOpen = false;
      for (const thing of owned) thing.release();
      owned.clear();
    },
  };
}

function grantedFrame(
  domain: DomainRecord,
  ref: number,
  writable: boolean,
  place: CallPlace,
): bigint {
  const grant = domain.memory.findGrant(ref);
  const isAllowed = grant?.to === DOM0_DOMID && (!writable || !grant.isReadOnly);
  if (grant !== undefined && isAllowed) return grant.frame;
  return refuse(place, 'EINVAL', `Domain ${domain.domid} has not granted ${ref} to Dom0 like this`);
}

/** Keeps the domain, dead or alive, until it is released. */
function map(
  xen: XenState,
  domain: DomainRecord,
  frames: readonly bigint[],
  place: CallPlace,
): MappedMemory & { release(): void } {
  const bytes = domain.isDying ? undefined : domain.memory.findBytes(frames);
  if (bytes === undefined) {
    const message = `Domain ${domain.domid} has no memory at these frames, or not side by side`;
    return refuse(place, 'EINVAL', message);
  }
  domain.holderCount += 1;
  let isMapped = true;
  const release = (): void => {
    if (!isMapped) return;
    isMapped = false;
    xen.letGo(domain);
  };
  return {
    get bytes() {
      return isMapped ? bytes : NO_BYTES;
    },
    release,
    [Symbol.dispose]: release,
  };
}

class SimEventChannels implements EventChannels {
  readonly #xen: XenState;
  readonly #mine = new Set<number>();
  readonly #waiting = new Set<() => void>();
  #isOpen = true;

  constructor(xen: XenState) {
    this.#xen = xen;
  }

  bindInterdomain(remote: Domid, remotePort: Evtchn): Evtchn {
    const place = { call: 'xenevtchn_bind_interdomain', domid: remote };
    const theirs = this.#xen.get(remote, place.call).ports;
    const port = this.#ports().bind(theirs, remotePort);
    if (port === undefined) {
      refuse(place, 'EINVAL', `Port ${remotePort} of domain ${remote} does not wait for Dom0`);
    }
    return this.#own(port);
  }

  bindUnbound(remote: Domid): Evtchn {
    const place = { call: 'xenevtchn_bind_unbound_port', domid: remote };
    const port = this.#ports().allocateUnbound(remote);
    return this.#own(port ?? refuse(place, 'ENOSPC', 'Dom0 has no event channel port left'));
  }

  notify(port: Evtchn): void {
    this.#check(port, 'xenevtchn_notify', 'EINVAL');
    this.#ports().notify(port);
  }

  unbind(port: Evtchn): void {
    this.#check(port, 'xenevtchn_unbind', 'EINVAL');
    this.#mine.delete(port);
    this.#ports().close(port);
  }

  async wait(port: Evtchn, { signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const gone = (): AbortedError =>
      new AbortedError({ message: `Gave up waiting for port ${port}`, cause: signal?.reason });
    const checkAborted = (): void => {
      if (signal?.aborted === true) throw gone();
    };
    checkAborted();
    this.#check(port, 'xenevtchn_pending', 'EINVAL');
    while (!this.#ports().takePending(port)) {
      await this.#nextEvent(port, signal);
      checkAborted();
      if (!this.#mine.has(port)) throw closed();
    }
  }

  release(): void {
    this.#isOpen = false;
    for (const port of this.#mine) this.#xen.domains.get(DOM0_DOMID)?.ports.close(port);
    this.#mine.clear();
    for (const wake of this.#waiting) wake();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }

  /** Resolves when the port becomes pending, the signal fires, or we are disposed of. */
  async #nextEvent(port: number, signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve) => {
      const listening = this.#ports().listen(port, () => wake());
      const wake = (): void => {
        listening[Symbol.dispose]();
        signal?.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  #own(port: number): Evtchn {
    this.#mine.add(port);
    return evtchn(port);
  }

  #ports(): EventPorts {
    if (!this.#isOpen) throw closed();
    return this.#xen.dom0.ports;
  }

  #check(port: number, call: string, errno: ErrnoName): void {
    if (!this.#isOpen) throw closed();
    if (this.#mine.has(port)) return;
    refuse({ call, domid: DOM0_DOMID }, errno, `Port ${port} is not bound here`);
  }
}

function closed(): HypervisorError {
  return new HypervisorError('HYPERVISOR_UNAVAILABLE', {
    message: 'This access to rings has been closed',
  });
}
