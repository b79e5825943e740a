/**
 * The domains that the store knows: those introduced, and those that permission lists have named. A domain's generation
 * is that of the tree when the store first heard of it; what is older was not meant for it.
 */
import type { Connection } from './connection.ts';
import type { IsCurrent } from './rights.ts';
import type { StoreNode } from './store-node.ts';

/** What the hypervisor says of a domid. */
export type DomainPresence = 'absent' | 'alive' | 'shutdown' | 'dying';

/** One domain. Kept from the first mention until the hypervisor no longer has it, or until it is released. */
export interface StoreDomain {
  readonly domid: number;
  readonly generation: number;
  /** Paths of the nodes it owns; only kept for guests. */
  readonly owned: Set<string>;
  /** Their records and paths. */
  ownedBytes: number;
  /** It has been reported that the domain has passed the warning level, or the limit, of memory. */
  isMemoryWarned: boolean;
  isMemoryStopped: boolean;
  isIntroduced: boolean;
  /** Its shutdown has been announced. */
  isShutdown: boolean;
  connection: Connection | undefined;
}

export class DomainTable {
  readonly #domains = new Map<number, StoreDomain>();
  readonly #presence: (domid: number) => DomainPresence;
  readonly #nextGeneration: () => number;

  constructor(options: {
    readonly presence: (domid: number) => DomainPresence;
    /** A number later than all changes so far, so that nothing written before counts for a new domain. */
    readonly nextGeneration: () => number;
  }) {
    this.#presence = options.presence;
    this.#nextGeneration = options.nextGeneration;
  }

  /** How many domains are known. */
  get size(): number {
    return this.#domains.size;
  }

  presence(domid: number): DomainPresence {
    return this.#presence(domid);
  }

  find(domid: number): StoreDomain | undefined {
    return this.#domains.get(domid);
  }

  /** The domain, remembered from now on; undefined when the hypervisor has none of that number. */
  findOrRemember(domid: number): StoreDomain | undefined {
    const known = this.#domains.get(domid);
    if (known !== undefined || this.#presence(domid) === 'absent') return known;
    return this.remember(domid);
  }

  /** Makes the record of a domain, whatever the hypervisor says. */
  remember(domid: number): StoreDomain {
    const domain: StoreDomain = {
      domid,
      generation: this.#nextGeneration(),
      owned: new Set(),
      ownedBytes: 0,
      isMemoryWarned: false,
      isMemoryStopped: false,
      isIntroduced: false,
      isShutdown: false,
      connection: undefined,
    };
    this.#domains.set(domid, domain);
    return domain;
  }

  forget(domid: number): void {
    this.#domains.delete(domid);
  }

  /** The introduced domain with a connection; undefined when there is none. */
  findConnected(domid: number): (StoreDomain & { connection: Connection }) | undefined {
    const domain = this.#domains.get(domid);
    return domain?.isIntroduced === true && hasConnection(domain) ? domain : undefined;
  }

  /** All domains now; the table may change while the list is walked. */
  list(): StoreDomain[] {
    return [...this.#domains.values()];
  }

  /** Whether an entry made at `generation` is meant for the domain that has this number now. */
  readonly isCurrent: IsCurrent = (domid, generation) => {
    const domain = this.#domains.get(domid);
    return domain !== undefined && domain.generation <= generation;
  };

  /** Notes that a node is another one now; undefined stands for no node. */
  replaceNode(path: string, before: StoreNode | undefined, after: StoreNode | undefined): void {
    const giver = this.#ownerOf(before);
    const taker = this.#ownerOf(after);
    if (giver !== undefined) giver.ownedBytes -= before?.storedBytes ?? 0;
    if (taker !== undefined) taker.ownedBytes += after?.storedBytes ?? 0;
    if (giver === taker) return;
    if (giver?.domid !== 0) giver?.owned.delete(path);
    if (taker?.domid !== 0) taker?.owned.add(path);
  }

  #ownerOf(node: StoreNode | undefined): StoreDomain | undefined {
    return node === undefined ? undefined : this.#domains.get(node.permissions[0].domid);
  }
}

/** All that a domain has here, as its memory quota counts it. */
export function memoryBytesOf({ ownedBytes, connection }: StoreDomain): number {
  if (connection === undefined) return ownedBytes;
  const { watchBytes, transactionBytes, sink } = connection;
  return ownedBytes + watchBytes + transactionBytes + sink.waitingBytes;
}

function hasConnection(domain: StoreDomain): domain is StoreDomain & { connection: Connection } {
  return domain.connection !== undefined;
}
