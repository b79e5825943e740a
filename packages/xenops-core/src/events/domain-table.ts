/** Which domains there were, and what became of them. Pure. */
import type { DomainInfo } from '../hypervisor/hypervisor.ts';
import type { Domid } from '../ids.ts';
import type { HostEvent } from './event.ts';

type Known = Pick<DomainInfo, 'domid' | 'uuid' | 'shutdown' | 'dying' | 'shutdownReason'>;

/** Domains are told apart by domid and uuid, since Xen uses a domid again. */
export class DomainTable {
  readonly #known = new Map<Domid, Known>();

  /** The events that lead from the last look to this one, in the order of their domids; ends before beginnings. */
  update(domains: readonly DomainInfo[]): readonly HostEvent[] {
    const now = new Map(domains.map((info) => [info.domid, info]));
    const ended: HostEvent[] = [];
    for (const known of this.#known.values()) {
      const info = now.get(known.domid);
      const isSame = info?.uuid === known.uuid;
      if (isSame && info.shutdown && !known.shutdown && !known.dying) ended.push(shutdownOf(info));
      if (isSame ? info.dying && !known.dying : !known.dying) {
        ended.push(releasedOf(isSame ? info : known));
      }
    }
    const begun: HostEvent[] = [];
    for (const info of domains) {
      const { domid, uuid, shutdown, dying, shutdownReason } = info;
      if (this.#known.get(domid)?.uuid !== uuid && !dying) {
        begun.push({ kind: 'introduced', domid, uuid });
        if (shutdown) begun.push(shutdownOf(info));
      }
      this.#known.set(domid, {
        domid,
        uuid,
        shutdown,
        dying,
        ...(shutdownReason === undefined ? {} : { shutdownReason }),
      });
    }
    for (const domid of this.#known.keys()) if (!now.has(domid)) this.#known.delete(domid);
    return [...ended, ...begun];
  }

  /** Whether such a domain runs, by the last look. */
  has(domid: Domid): boolean {
    return this.#known.has(domid);
  }
}

function shutdownOf({ domid, uuid, shutdownReason = 'unknown-255' }: Known): HostEvent {
  return { kind: 'shutdown', domid, uuid, reason: shutdownReason };
}

function releasedOf({ domid, uuid, shutdownReason }: Known): HostEvent {
  return {
    kind: 'released',
    domid,
    uuid,
    ...(shutdownReason === undefined ? {} : { reason: shutdownReason }),
  };
}
