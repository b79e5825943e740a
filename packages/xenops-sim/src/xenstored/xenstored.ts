/**
 * The store daemon without its sockets: one connection and one request give exactly one reply, and events to whoever
 * watches. Deterministic and free of I/O; behaviour and error names are those of the C xenstored 4.17.
 */
import { type Clock, systemClock } from '@xenops/core/host';
import { PAYLOAD_BYTES_MAX } from '@xenops/core/xenstore/wire';
import { ConflictRate } from './conflict-rate.ts';
import { Connection, type Answer, type ConnectionSink } from './connection.ts';
import { DomainLife } from './domain-life.ts';
import { DomainTable, type DomainPresence } from './domains.ts';
import { MemoryQuota } from './memory-quota.ts';
import { findOperation, type Call } from './operations.ts';
import { defaultQuotas } from './quotas.ts';
import { RequestFrame } from './request-frame.ts';
import { TextCache } from './text-cache.ts';
import { TraceLog, type OpenForAppend } from './trace-log.ts';
import type { Transaction } from './transaction.ts';
import { Tree } from './tree.ts';
import { forgetHoldings } from './watch-requests.ts';
import { reportedPath, WatchRegistry } from './watches.ts';

export interface XenstoredOptions {
  /** What the hypervisor says of a domid, asked when a domain is named or may have gone. */
  readonly presence: (domid: number) => DomainPresence;
  /** The guest's end of its connection, made when the domain is introduced. */
  readonly openGuestSink: (domid: number) => ConnectionSink;
  readonly clock?: Clock;
  /** Opens the files that `control` commands name; none can be had unless said. */
  readonly openForAppend?: OpenForAppend;
  /** Takes what `control print` prints, and reports of requests that failed by a mistake of ours. */
  readonly log?: (text: string) => void;
}

/** `Call` as this file fills it in for each request. */
type MutableCall = { -readonly [Key in keyof Call]: Call[Key] };

/** The other side of Dom0's own ring, which nobody has. */
const NOBODY: ConnectionSink = {
  waitingBytes: 0,
  waitingReplies: 0,
  reply: () => undefined,
  event: () => undefined,
  proceed: () => undefined,
  closed: () => undefined,
};

export class Xenstored {
  readonly #tree = new Tree();
  readonly #domains: DomainTable;
  readonly #watches: WatchRegistry;
  readonly #life: DomainLife;
  readonly #conflicts: ConflictRate;
  readonly #trace: TraceLog;
  readonly #clock: Clock;
  readonly #log: (text: string) => void;
  readonly #texts = new TextCache();
  readonly #call: MutableCall;

  constructor({
    presence,
    openGuestSink,
    clock = systemClock,
    openForAppend = () => undefined,
    log = () => undefined,
  }: XenstoredOptions) {
    const tree = this.#tree;
    this.#log = log;
    this.#clock = clock;
    this.#trace = new TraceLog({ openForAppend, nowMs: () => clock.nowMs() });
    this.#domains = new DomainTable({ presence, nextGeneration: () => tree.nextGeneration() });
    const domains = this.#domains;
    this.#watches = new WatchRegistry({
      find: (path) => tree.find(path),
      isCurrent: domains.isCurrent,
    });
    const watches = this.#watches;
    this.#conflicts = new ConflictRate({ clock, domainCount: () => domains.size, log });
    const conflicts = this.#conflicts;
    this.#life = new DomainLife({ tree, domains, watches, conflicts, openGuestSink });
    this.#life.introduceDom0(NOBODY);
    tree.initialise(domains, watches);
    const quotas = defaultQuotas();
    this.#call = {
      connection: new Connection(0, NOBODY),
      view: tree,
      transaction: undefined,
      newWatch: undefined,
      tree,
      domains,
      watches,
      life: this.#life,
      quotas,
      memory: new MemoryQuota({ domains, quotas, log }),
      trace: this.#trace,
      log,
    };
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

  /** Takes watches and transactions from a client that has broken the protocol; its domain stays what it is. */
  ignore(connection: Connection): void {
    forgetHoldings(connection, this.#watches);
  }

  /** To be called when a domain has shut down or gone (VIRQ_DOM_EXC). */
  domainsChanged(): void {
    this.#life.check();
  }

  /** A place for the requests of one client. */
  newRequestFrame(): RequestFrame {
    return new RequestFrame(this.#texts);
  }

  nowMs(): number {
    return this.#clock.nowMs();
  }

  /**
   * Whether a client's requests wait: a guest's do while it leaves too many answers or too many bytes unread, and for a
   * while when it has made too many transactions of others fail.
   */
  mustWait(connection: Connection): boolean {
    if (connection.isPrivileged) return false;
    const { quotas, memory } = this.#call;
    if (connection.sink.waitingReplies >= quotas.outstanding) return true;
    if (!memory.hasRoom(connection.domid, 0)) return true;
    return this.#conflicts.mustWait(connection.domid, () => connection.sink.proceed());
  }

  /** Whether there is memory for an event to this client. */
  hasRoomForEvent(connection: Connection, bytes: number): boolean {
    return connection.isPrivileged || this.#call.memory.hasRoom(connection.domid, bytes);
  }

  /** Answers one request: exactly one reply to the connection's sink, events to any. */
  handle(connection: Connection, request: RequestFrame): void {
    if (this.#trace.isOn) this.#trace.request(connection, request);
    let answer: Answer;
    try {
      answer = this.#answer(connection, request);
      if (answer.length > PAYLOAD_BYTES_MAX) answer = 'E2BIG';
    } catch (error) {
      // A mistake of ours fails this request and no other.
      this.#log(`A request of type ${request.type} failed: ${String(error)}`);
      answer = 'EIO';
    }
    const spoilt = this.#tree.openTransactions.takeSpoilt(connection);
    if (spoilt > 0 && !connection.isPrivileged) this.#conflicts.charge(connection.domid, spoilt);
    if (this.#trace.isOn) this.#trace.reply(connection, request, answer);
    connection.sink.reply(request, answer);
    const watch = this.#call.newWatch;
    if (watch === undefined) return;
    this.#call.newWatch = undefined;
    connection.sink.event(reportedPath(watch, watch.path), watch.token);
  }

  #answer(connection: Connection, request: RequestFrame): Answer {
    const operation = findOperation(request.type);
    if (operation === undefined) return 'ENOSYS';
    if (operation.isPrivileged === true && !connection.isPrivileged) return 'EACCES';
    let transaction: Transaction | undefined;
    if (request.transactionId !== 0 && operation.ignoresTransaction !== true) {
      transaction = connection.transactions.get(request.transactionId);
      if (transaction === undefined) return 'ENOENT';
    }
    const call = this.#call;
    call.connection = connection;
    call.view = transaction ?? this.#tree;
    call.transaction = transaction;
    return operation.perform(call, request);
  }
}
