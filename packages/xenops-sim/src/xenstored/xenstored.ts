/**
 * The store daemon without its sockets: one connection and one request give exactly one reply, and events to whoever
 * watches. Deterministic and free of I/O; behaviour and error names are those of the C xenstored 4.17.
 */
import {
  decodeRequest,
  findMessageName,
  PAYLOAD_BYTES_MAX,
  type Frame,
  type Request,
  type RequestName,
} from '@xenops/core/xenstore/wire';
import { Connection, type Answer, type ConnectionSink } from './connection.ts';
import { control } from './control.ts';
import { DomainLife } from './domain-life.ts';
import * as domainRequests from './domain-requests.ts';
import { DomainTable, type DomainPresence } from './domains.ts';
import { PATH_BYTES, TRANSACTIONS_PER_DOMAIN, WATCHES_PER_DOMAIN } from './limits.ts';
import { canonicalPath, isNodePath } from './node-path.ts';
import * as nodeRequests from './node-requests.ts';
import { OK } from './node-requests.ts';
import { rightsOf, WRITE, OWNER } from './rights.ts';
import { Transaction } from './transaction.ts';
import { Tree } from './tree.ts';
import { reportedPath, watchKey, WatchRegistry, type RegisteredWatch } from './watches.ts';

export interface XenstoredOptions {
  /** What the hypervisor says of a domid, asked when a domain is named or may have gone. */
  readonly presence: (domid: number) => DomainPresence;
  /** The guest's end of its connection, made when the domain is introduced. */
  readonly openGuestSink: (domid: number) => ConnectionSink;
  /** Takes what `control print` prints, and reports of requests that failed by a mistake of ours. */
  readonly log?: (text: string) => void;
}

const PRIVILEGED: ReadonlySet<RequestName> = new Set<RequestName>([
  'control',
  'introduce',
  'release',
  'isDomainIntroduced',
  'resume',
  'setTarget',
]);
/** Requests whose transaction id means nothing. */
const OUTSIDE_TRANSACTIONS: ReadonlySet<RequestName> = new Set<RequestName>(['watch', 'unwatch']);

export class Xenstored {
  readonly #tree = new Tree();
  readonly #domains: DomainTable;
  readonly #watches: WatchRegistry;
  readonly #life: DomainLife;
  readonly #log: (text: string) => void;
  /** The watch that the request under way has made; its first event follows the reply. */
  #newWatch: RegisteredWatch | undefined;

  constructor({ presence, openGuestSink, log = () => undefined }: XenstoredOptions) {
    const tree = this.#tree;
    this.#log = log;
    this.#domains = new DomainTable({ presence, nextGeneration: () => tree.nextGeneration() });
    this.#watches = new WatchRegistry({
      find: (path) => tree.find(path),
      isCurrent: (domid, generation) => this.#domains.isCurrent(domid, generation),
    });
    this.#life = new DomainLife({
      tree,
      domains: this.#domains,
      watches: this.#watches,
      openGuestSink,
    });
    this.#life.introduceDom0();
    tree.initialise(this.#domains, this.#watches);
  }

  /** The nodes, for looking at. */
  get tree(): Tree {
    return this.#tree;
  }

  /** A new privileged connection, such as each client of the socket has. */
  connect(sink: ConnectionSink): Connection {
    return new Connection(0, sink);
  }

  /** The connection of an introduced domain. */
  findGuestConnection(domid: number): Connection | undefined {
    return this.#domains.findConnected(domid)?.connection;
  }

  /** Takes from a connection all it holds: its client has gone. */
  disconnect(connection: Connection): void {
    this.#life.drop(connection);
  }

  /** To be called when a domain has shut down or gone (VIRQ_DOM_EXC). */
  domainsChanged(): void {
    this.#life.check();
  }

  /** Answers one request: exactly one reply to the connection's sink, events to any. */
  handle(connection: Connection, frame: Frame): void {
    let answer: Answer;
    try {
      answer = this.#answer(connection, frame);
      if (answer.length > PAYLOAD_BYTES_MAX) answer = 'E2BIG';
    } catch (error) {
      // A mistake of ours fails this request and no other.
      this.#log(`A request of type ${frame.type} failed: ${String(error)}`);
      answer = 'EIO';
    }
    connection.sink.reply(frame, answer);
    const watch = this.#newWatch;
    if (watch === undefined) return;
    this.#newWatch = undefined;
    connection.sink.event(reportedPath(watch, watch.path), watch.token);
  }

  #answer(connection: Connection, frame: Frame): Answer {
    const name = findMessageName(frame.type);
    if (name === undefined || name === 'watchEvent' || name === 'error') return 'ENOSYS';
    if (!connection.isPrivileged && PRIVILEGED.has(name)) return 'EACCES';
    let transaction: Transaction | undefined;
    if (frame.transactionId !== 0 && !OUTSIDE_TRANSACTIONS.has(name)) {
      transaction = connection.transactions.get(frame.transactionId);
      if (transaction === undefined) return 'ENOENT';
    }
    // These two ask for nothing, and the C daemon does not look at what comes with them.
    const isBare = name === 'transactionStart' || name === 'resetWatches';
    const request = isBare ? { name } : decodeRequest(frame);
    if (request.name === 'bad') return request.error;
    return this.#perform(connection, request, { transaction, frame });
  }

  #perform(
    connection: Connection,
    request: Request,
    {
      transaction,
      frame,
    }: { readonly transaction: Transaction | undefined; readonly frame: Frame },
  ): Answer {
    const domains = this.#domains;
    const caller = { connection, view: transaction ?? this.#tree, domains };
    const domainCaller = { domains, life: this.#life };
    switch (request.name) {
      case 'read':
        return nodeRequests.read(caller, request.path);
      case 'write':
        return nodeRequests.write(caller, request.path, request.value);
      case 'directory':
        return nodeRequests.directory(caller, request.path);
      case 'directoryPart':
        return nodeRequests.directoryPart(caller, request.path, request.offset);
      case 'mkdir':
        return nodeRequests.mkdir(caller, request.path);
      case 'rm':
        return nodeRequests.rm(caller, request.path);
      case 'getPermissions':
        return nodeRequests.getPermissions(caller, request.path);
      case 'setPermissions':
        return request.path.startsWith('@')
          ? this.#setSpecialPermissions(connection, request.path, request.permissions)
          : nodeRequests.setPermissions(caller, request.path, request.permissions);
      case 'watch':
        return request.depth === undefined
          ? this.#watch(connection, request.path, tokenOf(frame.payload))
          : 'EINVAL';
      case 'unwatch':
        return this.#unwatch(connection, request.path, tokenOf(frame.payload));
      case 'resetWatches':
        this.#watches.removeAll(connection);
        connection.transactions.clear();
        return OK;
      case 'transactionStart':
        return transaction === undefined ? this.#startTransaction(connection) : 'EBUSY';
      case 'transactionEnd':
        if (transaction === undefined) return 'ENOENT';
        connection.transactions.delete(frame.transactionId);
        return (request.commit ? transaction.commit(!connection.isPrivileged) : undefined) ?? OK;
      case 'introduce':
        return domainRequests.introduce(domainCaller, request.domid, request.port);
      case 'release':
        return domainRequests.release(domainCaller, request.domid);
      case 'resume':
        return domainRequests.resume(domainCaller, request.domid);
      case 'setTarget':
        return domainRequests.setTarget(domainCaller, request.domid, request.target);
      case 'isDomainIntroduced':
        return domainRequests.isDomainIntroduced(domainCaller, request.domid);
      case 'getDomainPath':
        return domainRequests.getDomainPath(request.domid);
      case 'control':
        return control({ domains, print: this.#log }, request.words);
    }
  }

  #startTransaction(connection: Connection): Answer {
    const { isPrivileged, transactions } = connection;
    if (!isPrivileged && transactions.size > TRANSACTIONS_PER_DOMAIN) return 'ENOSPC';
    const id = connection.takeTransactionId();
    transactions.set(
      id,
      new Transaction({ tree: this.#tree, domains: this.#domains, isPrivileged }),
    );
    return Buffer.from(`${id}\0`);
  }

  #watch(connection: Connection, path: string, token: string): Answer {
    const isSpecial = path.startsWith('@');
    const absolute = canonicalPath(path, connection.root);
    if (isSpecial ? path.length > PATH_BYTES : !isNodePath(absolute)) return 'EINVAL';
    if (connection.watches.has(watchKey(absolute, token))) return 'EEXIST';
    if (!connection.isPrivileged && connection.watches.size > WATCHES_PER_DOMAIN) return 'E2BIG';
    const isRelative = !isSpecial && !path.startsWith('/');
    this.#newWatch = this.#watches.add({ connection, path: absolute, token, isRelative });
    return OK;
  }

  #unwatch(connection: Connection, path: string, token: string): Answer {
    const watch = connection.watches.get(watchKey(canonicalPath(path, connection.root), token));
    if (watch === undefined) return 'ENOENT';
    this.#watches.remove(watch);
    return OK;
  }

  #setSpecialPermissions(connection: Connection, name: string, texts: readonly string[]): Answer {
    const domains = this.#domains;
    const permissions = nodeRequests.checkPermissions({ connection, domains }, texts);
    if (typeof permissions === 'string') return permissions;
    const before = {
      permissions: this.#watches.specialPermissions(name),
      generation: this.#tree.generation,
    };
    const rights = rightsOf(connection, before, (domid, age) => domains.isCurrent(domid, age));
    if ((rights & (WRITE | OWNER)) !== (WRITE | OWNER)) return 'EACCES';
    return this.#watches.setSpecialPermissions(name, permissions) ? OK : 'EINVAL';
  }
}

/** The second text of a payload, a character for each byte: a token is the client's own and need not be UTF-8. */
function tokenOf(payload: Buffer): string {
  const start = payload.indexOf(0) + 1;
  return payload.toString('latin1', start, payload.indexOf(0, start));
}
