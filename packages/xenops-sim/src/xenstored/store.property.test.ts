import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeFrame } from '@xenops/core/xenstore/wire';
import { StoreHarness, type TestClient } from './store-harness.test-helper.ts';

/** Few names, so that operations meet. */
const path = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  .map((names) => `/${names.join('/')}`);
const change = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), path, value: fc.constantFrom('1', '2', '') }),
  fc.record({ kind: fc.constant('mkdir' as const), path }),
  fc.record({ kind: fc.constant('rm' as const), path }),
);
const look = fc.oneof(
  fc.record({ kind: fc.constant('read' as const), path }),
  fc.record({ kind: fc.constant('directory' as const), path }),
);
const operation = fc.oneof(change, look);
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never;

function perform(client: TestClient, op: Operation, transactionId = 0): string {
  if (op.kind === 'write') return client.write(op.path, op.value, transactionId);
  return client.ask({ name: op.kind, path: op.path }, transactionId);
}

/** The store as simply as it can be said: values by path, a node for each parent of a node. */
class Model {
  readonly nodes = new Map([
    ['/', ''],
    ['/tool', ''],
    ['/tool/xenstored', ''],
  ]);

  perform(op: Operation): string {
    const { nodes } = this;
    const parent = op.path.slice(0, op.path.lastIndexOf('/')) || '/';
    const isThere = nodes.has(op.path);
    switch (op.kind) {
      case 'read':
        return nodes.get(op.path) ?? 'ENOENT';
      case 'directory':
        return isThere ? this.children(op.path).join(' ') : 'ENOENT';
      case 'rm':
        if (!isThere) return nodes.has(parent) ? 'OK' : 'ENOENT';
        for (const at of [...nodes.keys()]) {
          if (`${at}/`.startsWith(`${op.path}/`)) nodes.delete(at);
        }
        return 'OK';
      case 'mkdir':
        if (!isThere) this.#make(op.path, '');
        return 'OK';
      case 'write':
        this.#make(op.path, op.value);
        return 'OK';
    }
  }

  /** Names below, in the order in which they were made. */
  children(of: string): string[] {
    const prefix = of === '/' ? '/' : `${of}/`;
    return [...this.nodes.keys()]
      .filter((at) => at.startsWith(prefix) && at !== of && !at.slice(prefix.length).includes('/'))
      .map((at) => at.slice(prefix.length));
  }

  #make(at: string, value: string): void {
    const parent = at.slice(0, at.lastIndexOf('/')) || '/';
    if (!this.nodes.has(parent)) this.#make(parent, '');
    this.nodes.set(at, value);
  }
}

test('outside transactions the store is a tree of values', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const harness = new StoreHarness();
      const dom0 = harness.dom0();
      const model = new Model();
      for (const op of operations) expect(perform(dom0, op)).toBe(model.perform(op));
      expect(harness.faults()).toEqual([]);
    }),
  );
});

const step = fc.record({
  client: fc.constantFrom(0, 1),
  action: fc.oneof(
    { arbitrary: operation, weight: 8 },
    fc.constant({ kind: 'begin' as const }),
    fc.constant({ kind: 'commit' as const }),
  ),
});

test('transactions that succeed are as if they had run at once at their end', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const harness = new StoreHarness();
      const model = new Model();
      const clients = [harness.dom0(), harness.dom0()].map((client) => ({
        client,
        id: 0,
        done: [] as (readonly [Operation, string])[],
      }));
      for (const { client: index, action } of steps) {
        const who = clients[index];
        if (who === undefined) continue;
        if (action.kind === 'begin') {
          if (who.id === 0) who.id = who.client.begin();
        } else if (action.kind === 'commit') {
          if (who.id === 0) continue;
          const answer = who.client.commit(who.id);
          expect(['OK', 'EAGAIN']).toContain(answer);
          if (answer === 'OK') {
            for (const [op, answered] of who.done) expect(model.perform(op)).toBe(answered);
          }
          who.id = 0;
          who.done = [];
        } else {
          const answer = perform(who.client, action, who.id);
          if (who.id === 0) expect(answer).toBe(model.perform(action));
          else who.done.push([action, answer]);
        }
        expect(harness.faults()).toEqual([]);
      }
      const dom0 = harness.dom0();
      for (const [at, value] of model.nodes) expect(dom0.read(at)).toBe(value);
      expect(harness.xenstored.tree.size).toBe(model.nodes.size);
    }),
    { numRuns: 300 },
  );
});

test('whatever a guest sends, it gets one answer, and the counts of what it owns stay right', () => {
  const type = fc.nat({ max: 25 });
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 64 }),
    fc
      .array(fc.oneof(path, fc.constantFrom('', 'x', 'T', 'n1', 'b0', '0', '-1', '@x')), {
        maxLength: 4,
      })
      .map((texts) => Buffer.from(texts.map((text) => `${text}\0`).join(''))),
  );
  const transactionId = fc.constantFrom(0, 0, 1, 2, 99);
  fc.assert(
    fc.property(fc.array(fc.tuple(type, payload, transactionId), { maxLength: 40 }), (requests) => {
      const harness = new StoreHarness();
      const guest = harness.guest(1);
      harness.dom0().chmod('/', 'b0');
      let answers = 0;
      const sink = {
        reply: () => void (answers += 1),
        event: () => undefined,
        closed: () => undefined,
      };
      Object.assign(guest, sink);
      for (const [number, bytes, id] of requests) {
        if (guest.connection === undefined) throw new Error('The guest has no connection');
        const frame = harness.xenstored.newRequestFrame();
        frame.moveTo(encodeFrame({ type: number, requestId: 5, transactionId: id }, [bytes]), 0);
        harness.xenstored.handle(guest.connection, frame);
      }
      expect(answers).toBe(requests.length);
      expect(harness.reports).toEqual([]);
      expect(harness.faults()).toEqual([]);
      const owned = [...harness.xenstored.tree.entries()].filter(
        ([, node]) => node.permissions[0].domid === 1,
      );
      const quota = harness.dom0().ask({ name: 'control', words: ['quota', '1'] });
      expect(quota).toMatch(new RegExp(`nodes +: +${owned.length}\n`));
    }),
  );
});
