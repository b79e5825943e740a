import { expect, test } from '@jest/globals';
import { Locks } from './locks.ts';

const OPTIONS = { timeoutMs: 10_000 };
/** Long enough for a wait to fail, short enough for a test. */
const SHORT = { timeoutMs: 20 };

test('a lock goes to those who ask for it in their order', async () => {
  const locks = new Locks();
  const order: string[] = [];
  const take = async (owner: string): Promise<void> => {
    using _lock = await locks.acquire(['memory'], owner, OPTIONS);
    expect(locks.owner('memory')).toBe(owner);
    order.push(owner);
    await Promise.resolve();
  };
  await Promise.all(['a', 'b', 'c'].map(take));
  expect(order).toEqual(['a', 'b', 'c']);
  expect(locks.owner('memory')).toBeUndefined();
});

test('locks of different names do not wait for each other', async () => {
  const locks = new Locks();
  using _memory = await locks.acquire(['memory'], 'a', OPTIONS);
  using _slot = await locks.acquire(['slot'], 'b', OPTIONS);
  expect([locks.owner('memory'), locks.owner('slot')]).toEqual(['a', 'b']);
});

test('two operations that need the same two never wait for each other', async () => {
  const locks = new Locks();
  const done: string[] = [];
  const take = async (owner: string, names: readonly ('create' | 'slot')[]): Promise<void> => {
    using _lock = await locks.acquire(names, owner, OPTIONS);
    await Promise.resolve();
    done.push(owner);
  };
  await Promise.all([take('a', ['create', 'slot']), take('b', ['slot', 'create'])]);
  expect(done).toEqual(['a', 'b']);
});

test('who waits in vain is told who has the lock, and holds nothing', async () => {
  const locks = new Locks();
  const held = await locks.acquire(['network'], 'the start of demo', OPTIONS);
  await expect(locks.acquire(['create', 'network'], 'b', SHORT)).rejects.toMatchObject({
    code: 'TIMEOUT',
    context: { lastState: 'held by the start of demo' },
  });
  expect(locks.owner('create')).toBeUndefined();
  held[Symbol.dispose]();
  expect(locks.owner('network')).toBeUndefined();
});

test('who gives up waiting is passed over', async () => {
  const locks = new Locks();
  const held = await locks.acquire(['slot'], 'a', OPTIONS);
  const caller = new AbortController();
  const waiting = locks.acquire(['slot'], 'b', { ...OPTIONS, signal: caller.signal });
  const next = locks.acquire(['slot'], 'c', OPTIONS);
  caller.abort();
  await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' });
  held[Symbol.dispose]();
  using _lock = await next;
  expect(locks.owner('slot')).toBe('c');
});

test('releasing twice releases once', async () => {
  const locks = new Locks();
  const first = await locks.acquire(['slot'], 'a', OPTIONS);
  first[Symbol.dispose]();
  using _second = await locks.acquire(['slot'], 'b', OPTIONS);
  first[Symbol.dispose]();
  expect(locks.owner('slot')).toBe('b');
});
