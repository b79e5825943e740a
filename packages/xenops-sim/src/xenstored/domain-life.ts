/**
 * How domains come and go for the store. When one goes, nothing of it stays: its nodes wherever they are, its entries in
 * other lists, its watches, its transactions, its role as somebody's target.
 */
import { Connection, type ConnectionSink } from './connection.ts';
import type { ConflictRate } from './conflict-rate.ts';
import type { DomainTable, StoreDomain } from './domains.ts';
import { removeTree } from './node-requests.ts';
import type { Tree } from './tree.ts';
import { forgetHoldings } from './watch-requests.ts';
import type { WatchRegistry } from './watches.ts';

export interface DomainLifeParts {
  readonly tree: Tree;
  readonly domains: DomainTable;
  readonly watches: WatchRegistry;
  readonly conflicts: ConflictRate;
  /** The guest's end of a new connection. */
  readonly openGuestSink: (domid: number) => ConnectionSink;
}

export class DomainLife {
  readonly #parts: DomainLifeParts;

  constructor(parts: DomainLifeParts) {
    this.#parts = parts;
  }

  /** Gives the domain a connection, or resets the one it has. False when there is no such domain. */
  introduce(domid: number): boolean {
    const { domains, watches } = this.#parts;
    if (domid < 0 || domains.presence(domid) === 'absent') return false;
    const domain = domains.find(domid) ?? domains.remember(domid);
    if (domain.isIntroduced) {
      this.#reset(domain);
      return true;
    }
    domain.isIntroduced = true;
    domain.isShutdown = false;
    domain.connection = new Connection(domid, this.#parts.openGuestSink(domid));
    watches.fireSpecial('@introduceDomain');
    return true;
  }

  /** Dom0 is there from the start, with a connection besides those of its sockets. */
  introduceDom0(sink: ConnectionSink): void {
    const dom0 = this.#parts.domains.remember(0);
    dom0.isIntroduced = true;
    dom0.connection = new Connection(0, sink);
  }

  /** Looks at all domains again, as the daemon does when Xen says that one has shut down or gone. */
  check(): void {
    const { domains, watches } = this.#parts;
    let hasNewShutdown = false;
    for (const domain of domains.list()) {
      if (domain.domid === 0) continue;
      const presence = domains.presence(domain.domid);
      if (!domain.isIntroduced) {
        if (presence === 'absent') this.end(domain.domid);
      } else if (presence === 'absent' || presence === 'dying') {
        this.end(domain.domid);
      } else if (presence === 'shutdown' && !domain.isShutdown) {
        domain.isShutdown = true;
        hasNewShutdown = true;
      }
    }
    if (hasNewShutdown) watches.fireSpecial('@releaseDomain');
  }

  /** Forgets the domain and all it had. */
  end(domid: number): void {
    const { domains, watches, conflicts } = this.#parts;
    const domain = domains.find(domid);
    if (domain === undefined) return;
    this.drop(domain.connection);
    // Parents sort before what lies below them, so that watchers hear of one removal and not of each node.
    for (const path of [...domain.owned].sort()) {
      this.#disown(path, domid);
    }
    watches.strike(domid);
    domains.forget(domid);
    conflicts.forget(domid);
    if (domain.isIntroduced) watches.fireSpecial('@releaseDomain');
  }

  /** Takes from a connection all it holds and tells its other side. */
  drop(connection: Connection | undefined): void {
    if (connection === undefined) return;
    forgetHoldings(connection, this.#parts.watches);
    for (const { connection: other } of this.#parts.domains.list()) {
      if (other?.target === connection) other.target = undefined;
    }
    connection.sink.closed();
  }

  /** Takes a node from a domain that is gone: by removing it, but the root, which becomes Dom0's. */
  #disown(path: string, domid: number): void {
    const { tree } = this.#parts;
    const node = tree.find(path);
    if (node?.permissions[0].domid !== domid) return;
    const [owner, ...listed] = node.permissions;
    if (path === '/') tree.put(path, { ...node, permissions: [{ ...owner, domid: 0 }, ...listed] });
    else removeTree(tree, path);
  }

  #reset({ connection }: StoreDomain): void {
    if (connection !== undefined) forgetHoldings(connection, this.#parts.watches);
  }
}
