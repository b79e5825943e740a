/** Any sequence of requests of Dom0 and two guests gives the same answers and events on the C daemon and embedded. */
import { expect, jest } from '@jest/globals';
import { StoreClient, type StoreHost } from '@xenops/core/compliance';
import fc from 'fast-check';
import { openInProcess } from './embedded-host.test-helper.ts';
import { OracleHost } from './oracle-host.test-helper.ts';
import { findOracleTools, testWith, valueOf } from './oracle-tools.test-helper.ts';

/** How many sequences are tried; more with XENSTORE_SEQUENCES. */
const SEQUENCES = Number(process.env['XENSTORE_SEQUENCES'] ?? 25);
/** On a busy machine. */
const TIMEOUT_PER_SEQUENCE_MS = 2_000;

const GUESTS = [7, 8] as const;
/** Comes and goes; no list names it, because the daemons differ in what they show of dead domains. */
const MORTAL = 9;
const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/a/d', 'x', 'x/y', 'x/y/z', '/local/domain/7/x'];
const WATCHED = [...PATHS, '@introduceDomain', '@releaseDomain'];
const LISTS = ['n0', 'r0', 'b0', 'w0', 'n0 r7', 'n0 b7 r8', 'b0 n8', 'n7', 'n7 b8', 'r8 w7', 'n8'];

jest.setTimeout(SEQUENCES * TIMEOUT_PER_SEQUENCE_MS);

const tools = await findOracleTools();

const path = fc.constantFrom(...PATHS);
const who = fc.constantFrom(0, ...GUESTS, MORTAL);
/** Which of the client's two transactions, or none. */
const slot = fc.constantFrom(0, 0, 0, 1, 2);
const command = fc.oneof(
  fc.record({
    kind: fc.constantFrom('read', 'list', 'mkdir', 'rm', 'permissions'),
    who,
    slot,
    path,
  }),
  fc.record({ kind: fc.constant('write'), who, slot, path, value: fc.constantFrom('', '1', '22') }),
  fc.record({ kind: fc.constant('chmod'), who, slot, path, list: fc.constantFrom(...LISTS) }),
  fc.record({ kind: fc.constantFrom('begin', 'commit', 'commit', 'abort'), who, slot }),
  fc.record({
    kind: fc.constantFrom('watch', 'unwatch'),
    who,
    path: fc.constantFrom(...WATCHED),
    token: fc.constantFrom('t', 'u'),
  }),
  fc.record({ kind: fc.constant('resetWatches'), who }),
  fc.record({ kind: fc.constantFrom('die', 'live') }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** One server and its clients. */
class Side {
  readonly #host: StoreHost;
  readonly #clients = new Map<number, StoreClient>();
  /** Ids of transactions by client and slot. */
  readonly #transactions = new Map<string, number>();

  constructor(host: StoreHost) {
    this.#host = host;
  }

  async start(): Promise<void> {
    this.#clients.set(0, await StoreClient.open(this.#host.dom0));
    for (const domid of [...GUESTS, MORTAL]) await this.#live(domid);
  }

  /** The answer to the command, and the events of everybody after it. */
  async perform(step: Command): Promise<readonly unknown[]> {
    const answer = await this.#answer(step);
    const events: unknown[] = [];
    for (const [domid, client] of this.#clients) {
      const seen = await client.takeEvents();
      if (seen.length > 0) events.push([domid, ...seen]);
    }
    return [step, answer, ...events];
  }

  close(): void {
    for (const client of this.#clients.values()) client[Symbol.dispose]();
  }

  async #answer(step: Command): Promise<string> {
    if (step.kind === 'die') return this.#die(MORTAL);
    if (step.kind === 'live') return this.#clients.has(MORTAL) ? '' : this.#live(MORTAL);
    if (!('who' in step)) return '';
    const client = this.#clients.get(step.who);
    if (client === undefined) return '';
    if ('token' in step) {
      const { kind, path: at, token } = step;
      return kind === 'watch' ? client.watch(at, token) : client.unwatch(at, token);
    }
    if (!('slot' in step)) return client.resetWatches();
    const key = `${step.who}/${step.slot}`;
    if ('value' in step) return client.write(step.path, step.value, this.#transactions.get(key));
    if ('list' in step) return client.chmod(step.path, step.list, this.#transactions.get(key));
    if ('path' in step) return this.#onPath(client, step.kind, step.path, key);
    return this.#transaction(client, step.kind, key);
  }

  #onPath(client: StoreClient, kind: string, at: string, key: string): Promise<string> {
    const id = this.#transactions.get(key);
    switch (kind) {
      case 'read':
        return client.read(at, id);
      case 'list':
        return client.ask({ name: 'directory', path: at }, id);
      case 'mkdir':
        return client.mkdir(at, id);
      case 'rm':
        return client.rm(at, id);
      default:
        return client.permissions(at, id);
    }
  }

  async #transaction(client: StoreClient, kind: string, key: string): Promise<string> {
    const id = this.#transactions.get(key);
    if (kind === 'begin') {
      // Slot 0 is for requests outside transactions.
      if (id !== undefined || key.endsWith('/0')) return '';
      this.#transactions.set(key, await client.begin());
      return '';
    }
    if (id === undefined) return '';
    this.#transactions.delete(key);
    return kind === 'commit' ? client.commit(id) : client.abort(id);
  }

  async #live(domid: number): Promise<string> {
    const dom0 = this.#dom0();
    await this.#host.setDomain(domid, 'alive');
    const home = `/local/domain/${domid}`;
    const answers = [
      await dom0.introduce(domid),
      await dom0.mkdir(home),
      await dom0.chmod(home, `n${domid}`),
    ];
    this.#clients.set(domid, await StoreClient.open(this.#host.guest(domid)));
    return answers.join();
  }

  #dom0(): StoreClient {
    const dom0 = this.#clients.get(0);
    if (dom0 === undefined) throw new Error('The servers have not been started');
    return dom0;
  }

  async #die(domid: number): Promise<string> {
    const client = this.#clients.get(domid);
    if (client === undefined) return '';
    this.#clients.delete(domid);
    for (const key of this.#transactions.keys()) {
      if (key.startsWith(`${domid}/`)) this.#transactions.delete(key);
    }
    await this.#host.setDomain(domid, 'absent');
    await client.closed();
    client[Symbol.dispose]();
    return 'died';
  }
}

async function transcript(host: StoreHost, steps: readonly Command[]): Promise<readonly unknown[]> {
  await using owned = host;
  const side = new Side(owned);
  await side.start();
  const seen: unknown[] = [];
  for (const step of steps) seen.push(await side.perform(step));
  side.close();
  return seen;
}

testWith(tools)('any sequence of requests gives the same answers and events on both', async () => {
  const steps = fc.array(command, { minLength: 5, maxLength: 60, size: 'max' });
  const property = fc.asyncProperty(steps, async (commands) => {
    const expected = await transcript(
      await OracleHost.start('xenstored', valueOf(tools)),
      commands,
    );
    expect(await transcript(openInProcess(), commands)).toEqual(expected);
  });
  await fc.assert(property, { numRuns: SEQUENCES });
});
