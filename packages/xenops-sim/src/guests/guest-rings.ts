import type { AbortedError } from '@xenops/core/errors';
import { HypervisorError } from '@xenops/core/errors';
import { kibFromPages } from '@xenops/core/units';
import type { DomainRecord } from '../hypervisor/domain-record.ts';
import type { XenState } from '../hypervisor/xen-state.ts';
import type { GuestRings } from './guest.ts';

/** First of a guest's frames that its rings take; those below are xenstore's and the console's. */
const FIRST_RING_FRAME = 16n;

/** The guest's side of shared pages and event channels, on the memory and ports of its domain. */
export function guestRings(
  xen: XenState,
  domain: DomainRecord,
  life: { readonly signal: AbortSignal; readonly gone: () => AbortedError },
): GuestRings {
  const { memory, ports } = domain;
  let nextFrame = memory.firstFrame + FIRST_RING_FRAME;
  return {
    grantPages(to, count) {
      const frames = Array.from({ length: count }, (_, index) => nextFrame + BigInt(index));
      const bytes = memory.findBytes(frames);
      if (bytes === undefined) {
        throw new HypervisorError('HYPERVISOR_NO_MEMORY', {
          message: `The guest of domain ${domain.domid} has no ${count} pages left in ${kibFromPages(domain.pages)} KiB`,
        });
      }
      nextFrame += BigInt(count);
      const refs = frames.map((frame) => memory.grant({ frame, to, isReadOnly: false }));
      return { refs, bytes };
    },
    endGrants(refs) {
      for (const ref of refs) memory.endGrant(ref);
    },
    allocPort(remote) {
      const port = ports.allocateUnbound(remote);
      if (port !== undefined) return port;
      throw new HypervisorError('HYPERVISOR_CALL_FAILED', {
        message: `Domain ${domain.domid} has no event channel port left`,
      });
    },
    closePort: (port) => ports.close(port),
    notify: (port) => ports.notify(port),
    async wait(port) {
      while (!ports.takePending(port)) {
        await new Promise<void>((resolve) => {
          const listening = ports.listen(port, () => wake());
          const wake = (): void => {
            listening[Symbol.dispose]();
            life.signal.removeEventListener('abort', wake);
            resolve();
          };
          life.signal.addEventListener('abort', wake, { once: true });
          if (life.signal.aborted) wake();
        });
        if (life.signal.aborted || !xen.domains.has(domain.domid)) throw life.gone();
      }
    },
  };
}
