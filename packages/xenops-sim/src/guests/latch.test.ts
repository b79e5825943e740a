import { expect, test } from '@jest/globals';
import { Latch } from './latch.ts';

const gone = (): Error => new Error('gone');

test('who waits goes on when it opens, who comes later at once', async () => {
  const latch = new Latch(false);
  const { signal } = new AbortController();
  const waiting = latch.wait(signal, gone);
  latch.open();
  await waiting;
  await latch.wait(signal, gone);
});

test('a gate that closes again before the waiter has run holds it', async () => {
  const latch = new Latch(false);
  const stop = new AbortController();
  let isThrough = false;
  const waiting = latch.wait(stop.signal, gone).then(
    () => void (isThrough = true),
    () => undefined,
  );
  latch.open();
  latch.close();
  await Promise.resolve();
  stop.abort();
  await waiting;
  expect(isThrough).toBe(false);
});

test('who waits for what is gone is told so', async () => {
  const stop = new AbortController();
  const waiting = new Latch(false).wait(stop.signal, gone);
  stop.abort();
  await expect(waiting).rejects.toThrow('gone');
  await expect(new Latch(true).wait(stop.signal, gone)).rejects.toThrow('gone');
});
