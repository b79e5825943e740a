/** Clients of a store for tests: requests as data in, answers as text out, events kept. No sockets, no time. */
import { encodeRequest, type Request } from '@xenops/core/xenstore/wire';
import type { Answer, Connection, ConnectionSink } from './connection.ts';
import type { DomainPresence } from './domains.ts';
import { findTreeFaults } from './tree-check.ts';
import { Xenstored } from './xenstored.ts';

/** A store and the domains that a hypervisor would have. */
export class StoreHarness {
  readonly presence: Map<number, DomainPresence> = new Map<number, DomainPresence>();
  readonly reports: string[] = [];
  readonly xenstored: Xenstored;
  readonly #guests = new Map<number, TestClient>();

  constructor() {
    this.xenstored = new Xenstored({
      presence: (domid) => this.presence.get(domid) ?? 'absent',
      openGuestSink: (domid) => {
        const guest = new TestClient(this.xenstored);
        this.#guests.set(domid, guest);
        return guest;
      },
      log: (text) => void this.reports.push(text),
    });
  }

  /** A privileged client. */
  dom0(): TestClient {
    const client = new TestClient(this.xenstored);
    client.connection = this.xenstored.connect(client);
    return client;
  }

  /** A domain that exists, introduced, with a home of its own. */
  guest(domid: number): TestClient {
    this.presence.set(domid, 'alive');
    const dom0 = this.dom0();
    dom0.ask({ name: 'introduce', domid: String(domid), frame: '1', port: '1' });
    const home = `/local/domain/${domid}`;
    dom0.ask({ name: 'mkdir', path: home });
    dom0.ask({ name: 'setPermissions', path: home, permissions: [`n${domid}`] });
    const guest = this.#guests.get(domid);
    if (guest === undefined) throw new Error(`Domain ${domid} could not be introduced`);
    guest.connection = this.xenstored.findGuestConnection(domid);
    return guest;
  }

  /** The domain is gone from the hypervisor. */
  kill(domid: number): void {
    this.presence.delete(domid);
    this.xenstored.domainsChanged();
  }

  /** What is wrong with the tree: names without nodes, nodes without names. Empty when all is well. */
  faults(): string[] {
    return findTreeFaults(this.xenstored.tree);
  }

  /** The whole tree as text, path by path. */
  dump(): string[] {
    const dom0 = this.dom0();
    return [...this.xenstored.tree.entries()]
      .map(
        ([path, { value }]) =>
          `${path}=${Buffer.from(value).toString()} ${dom0.ask({ name: 'getPermissions', path })}`,
      )
      .sort();
  }
}

export class TestClient implements ConnectionSink {
  connection: Connection | undefined;
  /** `path token` of each event, oldest first. */
  readonly events: string[] = [];
  readonly #xenstored: Xenstored;
  #answers: Answer[] = [];
  isClosed = false;
  /** This client takes everything at once. */
  readonly waitingBytes = 0;
  readonly waitingReplies = 0;

  constructor(xenstored: Xenstored) {
    this.#xenstored = xenstored;
  }

  /** The answer: an error's name, or the payload with a space for each NUL in it and none for the last. */
  ask(request: Request, transactionId = 0): string {
    return this.askBytes(encodeRequest(request, { requestId: 1, transactionId }));
  }

  /** The same for a request as bytes: a header and the whole payload. */
  askBytes(message: Buffer): string {
    if (this.connection === undefined) throw new Error('Nobody to ask');
    const frame = this.#xenstored.newRequestFrame();
    frame.moveTo(message, 0);
    this.#answers = [];
    this.#xenstored.handle(this.connection, frame);
    const [answer, ...more] = this.#answers;
    if (answer === undefined || more.length > 0)
      throw new Error('A request has exactly one answer');
    if (typeof answer === 'string') return answer;
    return Buffer.from(answer).toString().replace(/\0$/, '').replaceAll('\0', ' ');
  }

  read(path: string, transactionId?: number): string {
    return this.ask({ name: 'read', path }, transactionId);
  }

  write(path: string, value: string, transactionId?: number): string {
    return this.ask({ name: 'write', path, value: Buffer.from(value) }, transactionId);
  }

  rm(path: string, transactionId?: number): string {
    return this.ask({ name: 'rm', path }, transactionId);
  }

  chmod(path: string, ...permissions: string[]): string {
    return this.ask({ name: 'setPermissions', path, permissions });
  }

  watch(path: string, token = 't'): string {
    return this.ask({ name: 'watch', path, token });
  }

  begin(): number {
    return Number(this.ask({ name: 'transactionStart' }));
  }

  commit(transactionId: number): string {
    return this.ask({ name: 'transactionEnd', commit: true }, transactionId);
  }

  /** The events since the last call. */
  takeEvents(): string[] {
    return this.events.splice(0);
  }

  reply(_header: unknown, answer: Answer): void {
    this.#answers.push(answer);
  }

  event(path: string, token: string): void {
    this.events.push(`${path} ${token}`);
  }

  /** A request is handled as soon as it is made. */
  proceed(): void {
    return;
  }

  closed(): void {
    this.isClosed = true;
  }
}
