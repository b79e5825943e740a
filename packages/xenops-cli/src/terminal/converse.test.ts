import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { converse } from './converse.ts';
import { splitAtEscape } from './escape.ts';

function ends() {
  const user = { input: new PassThrough(), output: new PassThrough() };
  const guest = { input: new PassThrough(), output: new PassThrough() };
  const raw: boolean[] = [];
  let closes = 0;
  const stop = new AbortController();
  const done = converse(
    { ...user, setRaw: (isRaw) => void raw.push(isRaw) },
    { ...guest, close: () => void (closes += 1) },
    stop.signal,
  );
  return { user, guest, raw, stop, done, closes: () => closes };
}

const text = (stream: PassThrough): string => String(stream.read() ?? '');

describe('a conversation with a guest', () => {
  test('passes both sides on as they are, until the user leaves', async () => {
    const { user, guest, raw, done, closes } = ends();
    guest.input.write('\u001b[2Jlogin: ');
    user.input.write('root\r');
    user.input.write(Buffer.from([0x03, 0x1d, 0x41]));
    expect(await done).toBe('left');
    expect(text(user.output)).toBe('\u001b[2Jlogin: ');
    expect(text(guest.output)).toBe('root\r\u0003');
    expect(raw).toEqual([true, false]);
    expect(closes()).toBe(1);
  });

  test('ends with the console, however that ends', async () => {
    for (const event of ['end', 'error'] as const) {
      const { guest, raw, done } = ends();
      if (event === 'end') guest.input.end();
      else guest.input.destroy(new Error('EIO'));
      guest.input.resume();
      expect(await done).toBe('ended');
      expect(raw).toEqual([true, false]);
    }
  });

  test('goes on when the keys end, and ends when it is interrupted', async () => {
    const { user, guest, done, stop } = ends();
    user.input.end();
    guest.input.write('still here');
    await new Promise<void>((resolve) => void setImmediate(resolve));
    stop.abort();
    expect(await done).toBe('interrupted');
    expect(text(user.output)).toBe('still here');
  });
});

test('what follows the escape is not passed on', () => {
  expect(splitAtEscape(Buffer.from('ab'))).toEqual({ passed: Buffer.from('ab'), isLeaving: false });
  expect(splitAtEscape(Buffer.from('a\u001db'))).toEqual({
    passed: Buffer.from('a'),
    isLeaving: true,
  });
});
