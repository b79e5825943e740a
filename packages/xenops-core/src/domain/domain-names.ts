/**
 * The names that the domains of a host have. A process that makes many domains remembers them, so that one domain more
 * costs no request for each of the others; a watch tells it of every renaming, since xl and we write a name below `/vm` too.
 */
import type { Clock } from '../host/clock.ts';
import type { Host } from '../host/host.ts';
import type { Hypervisor } from '../hypervisor/hypervisor.ts';
import { DOM0, type Domid } from '../ids.ts';
import { domainPath, VM_ROOT } from '../xenstore/path.ts';
import { followWatch } from '../xenstore/follow-watch.ts';
import { findMany } from '../xenstore/trees.ts';
import type { WatchEvent } from '../xenstore/xenstore.ts';

/** How long after the last question the names are kept; a process that makes no domains is not woken for those of others. */
const KEPT_MS = 60_000;

/** By the hypervisor, which all users of a host in one process share, whatever connection to xenstore each has. */
const memories = new WeakMap<Hypervisor, NameMemory>();

/** A domain of the hypervisor's list. */
interface ListedDomain {
  readonly domid: Domid;
  readonly uuid: string;
}

/** The names of these domains, in order; undefined for one that has none. */
export async function domainNames(
  host: Host,
  domains: readonly ListedDomain[],
): Promise<readonly (string | undefined)[]> {
  const memory = memories.get(host.hypervisor) ?? new NameMemory(host);
  memories.set(host.hypervisor, memory);
  return memory.namesOf(host, domains);
}

/** The domain that has this name, other than Dom0; undefined when none has. */
export async function findNamed(host: Host, name: string): Promise<Domid | undefined> {
  const others = (await host.hypervisor.listDomains()).filter(({ domid }) => domid !== DOM0);
  if (others.length === 0) return undefined;
  const names = await domainNames(host, others);
  return others[names.indexOf(name)]?.domid;
}

class NameMemory {
  readonly #hypervisor: Hypervisor;
  readonly #clock: Clock;
  readonly #watching: Promise<AsyncDisposable>;
  /** By domid, of the domain with that uuid: one that took the domid since is another. */
  readonly #names = new Map<Domid, { readonly uuid: string; readonly name: string }>();
  #changeCount = 0;
  #askedMs = 0;

  constructor(host: Host) {
    this.#hypervisor = host.hypervisor;
    this.#clock = host.services.clock;
    this.#watching = followWatch(host.store, VM_ROOT, {
      onEvent: (event) => this.#onEvent(event),
      onEnd: () => this.#forget(),
    });
    this.#watching.catch(() => this.#forget());
  }

  async namesOf(
    { store }: Host,
    domains: readonly ListedDomain[],
  ): Promise<readonly (string | undefined)[]> {
    this.#askedMs = this.#clock.nowMs();
    const known = domains.map((domain) => this.#find(domain));
    const unknown = domains.filter((_, index) => known[index] === undefined);
    const changeCount = this.#changeCount;
    const [found] = await Promise.all([
      findMany(
        store,
        unknown.map(({ domid }) => domainPath(domid, 'name')),
      ),
      this.#watching,
    ]);
    // What was read may be older than a change that was heard of meanwhile.
    if (changeCount === this.#changeCount) this.#remember(unknown, found);
    const read = found.values();
    return known.map((name) => name ?? read.next().value);
  }

  #find({ domid, uuid }: ListedDomain): string | undefined {
    const known = this.#names.get(domid);
    return known?.uuid === uuid ? known.name : undefined;
  }

  /** A domain without a name may be about to get one. */
  #remember(domains: readonly ListedDomain[], names: readonly (string | undefined)[]): void {
    domains.forEach(({ domid, uuid }, index) => {
      const name = names[index];
      if (name !== undefined) this.#names.set(domid, { uuid, name });
    });
  }

  async #onEvent(event: WatchEvent): Promise<void> {
    if (event.kind === 'changed') {
      // The first event of every watch tells of the root alone.
      if (event.path === VM_ROOT) return;
      const [uuid = '', node] = event.path.slice(VM_ROOT.length + 1).split('/');
      if (node !== undefined && node !== 'name') return;
      for (const [domid, known] of this.#names) {
        if (known.uuid === uuid) this.#names.delete(domid);
      }
    } else {
      this.#names.clear();
    }
    this.#changeCount += 1;
    if (this.#clock.nowMs() - this.#askedMs > KEPT_MS) {
      this.#forget();
      await (await this.#watching)[Symbol.asyncDispose]();
    }
  }

  #forget(): void {
    if (memories.get(this.#hypervisor) === this) memories.delete(this.#hypervisor);
  }
}
