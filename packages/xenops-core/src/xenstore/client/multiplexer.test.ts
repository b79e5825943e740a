import { describe, expect, test } from '@jest/globals';
import { HandClock, outcomeOf, settled } from '../../host/hand-clock.test-helper.ts';
import { encodeFrame } from '../wire/frame.ts';
import { WIRE_ERRORS, type WireError } from '../wire/message-type.ts';
import type { Request } from '../wire/request.ts';
import { Multiplexer } from './multiplexer.ts';
import { OK, ScriptedXenstored, type Script } from './scripted-xenstored.test-helper.ts';

const read = (path: string): Request => ({ name: 'read', path });
const CLOSED = { code: 'XENSTORE_CLOSED' };
const REQUEST_TIMEOUT_MS = 60_000;

async function open(script?: Script) {
  const daemon = new ScriptedXenstored(script);
  const clock = new HandClock();
  const events: (readonly [string, string])[] = [];
  const downs: (Error | undefined)[] = [];
  const multiplexer = await Multiplexer.open(daemon.connector, clock, {
    onWatchEvent: (path, token) => void events.push([path, token]),
    onDown: (cause) => void downs.push(cause),
  });
  return { daemon, clock, events, downs, multiplexer };
}

/** The code that each request has come to. */
async function codes(requests: readonly Promise<Buffer>[]): Promise<readonly unknown[]> {
  const all = await Promise.all(
    requests.map((request) => outcomeOf(request.catch((error: unknown) => error))),
  );
  return all.map((outcome) =>
    outcome instanceof Error && 'code' in outcome ? outcome.code : outcome,
  );
}

describe('replies', () => {
  test('go to the request with their id, in whatever order they come', async () => {
    const { daemon, multiplexer } = await open();
    const replies = ['/a', '/b', '/c'].map((path) => multiplexer.request(read(path), 0));
    for (const index of [2, 0, 1]) daemon.reply(daemon.at(index), { payload: `value ${index}` });
    expect((await Promise.all(replies)).map(String)).toEqual(['value 0', 'value 1', 'value 2']);
  });

  test('with an id that no request has are ignored', async () => {
    const { daemon, downs, multiplexer } = await open();
    const reply = multiplexer.request(read('/a'), 0);
    daemon.reply({ ...daemon.at(0), requestId: 77 }, { payload: 'not ours' });
    expect(await outcomeOf(reply)).toBe('pending');
    daemon.reply(daemon.at(0), { payload: 'ours' });
    expect(String(await reply)).toBe('ours');
    expect(downs).toEqual([]);
  });

  test('are taken once: a second one for the same request changes nothing', async () => {
    const { daemon, downs, multiplexer } = await open();
    const reply = multiplexer.request(read('/a'), 0);
    daemon.reply(daemon.at(0), { payload: 'first' });
    daemon.reply(daemon.at(0), { error: 'EIO' });
    expect(String(await reply)).toBe('first');
    expect(downs).toEqual([]);
  });

  test('may come a byte at a time', async () => {
    const { daemon, multiplexer } = await open();
    const reply = multiplexer.request(read('/a'), 0);
    const { requestId } = daemon.at(0);
    const bytes = encodeFrame({ type: 2, requestId, transactionId: 0 }, ['value']);
    for (const byte of bytes) daemon.send(Uint8Array.of(byte));
    expect(String(await reply)).toBe('value');
  });

  test('of more than the 4096 bytes of the protocol are taken, as oxenstored sends them', async () => {
    const { daemon, multiplexer } = await open();
    const reply = multiplexer.request({ name: 'directory', path: '/a' }, 0);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(1, 0);
    header.writeUInt32LE(daemon.at(0).requestId, 4);
    header.writeUInt32LE(100_000, 12);
    daemon.send(Buffer.concat([header, Buffer.alloc(100_000, 'x')]));
    expect(await reply).toHaveLength(100_000);
  });
});

describe('an error reply', () => {
  const EXPECTED: Readonly<Record<WireError, string>> = {
    EINVAL: 'XENSTORE_INVALID',
    EACCES: 'XENSTORE_ACCESS',
    EPERM: 'XENSTORE_ACCESS',
    EEXIST: 'XENSTORE_EXISTS',
    EISDIR: 'XENSTORE_INVALID',
    ENOENT: 'XENSTORE_NO_ENTRY',
    ENOMEM: 'XENSTORE_NO_MEMORY',
    ENOSPC: 'XENSTORE_QUOTA',
    EQUOTA: 'XENSTORE_QUOTA',
    EIO: 'XENSTORE_IO',
    ENOTEMPTY: 'XENSTORE_INVALID',
    ENOSYS: 'XENSTORE_NOT_SUPPORTED',
    EROFS: 'XENSTORE_READ_ONLY',
    EBUSY: 'XENSTORE_BUSY',
    EAGAIN: 'XENSTORE_CONFLICT',
    EISCONN: 'XENSTORE_IS_CONNECTED',
    E2BIG: 'XENSTORE_TOO_BIG',
  };

  test.each(WIRE_ERRORS)('of %s has its own code, and the path and the name', async (error) => {
    const { multiplexer } = await open(() => ({ error }));
    await expect(multiplexer.request(read('/local/domain/7'), 0)).rejects.toMatchObject({
      code: EXPECTED[error],
      message: expect.stringContaining('/local/domain/7'),
      context: { path: '/local/domain/7', wireError: error },
    });
  });

  test.each([
    ['a name nobody knows', 'ESTRANGE'],
    ['no name', ''],
    ['a very long name', 'E'.repeat(3000)],
  ])('of %s is XENSTORE_IO', async (_what, error) => {
    const { multiplexer } = await open(() => ({ error }));
    const failure: unknown = await multiplexer.request(read('/a'), 0).catch((e: unknown) => e);
    expect(failure).toMatchObject({
      code: 'XENSTORE_IO',
      context: { wireError: error.slice(0, 32) },
    });
  });

  test.each(['constructor', 'toString', '__proto__'])(
    'of the name %s, which every object has, is XENSTORE_IO',
    async (error) => {
      const { multiplexer } = await open(() => ({ error }));
      await expect(multiplexer.request(read('/a'), 0)).rejects.toMatchObject({
        code: 'XENSTORE_IO',
      });
    },
  );

  test('leaves the connection and the other requests alone', async () => {
    const { daemon, downs, multiplexer } = await open();
    const [first, second] = [
      multiplexer.request(read('/a'), 0),
      multiplexer.request(read('/b'), 0),
    ];
    daemon.reply(daemon.at(0), { error: 'EACCES' });
    await expect(first).rejects.toMatchObject({ code: 'XENSTORE_ACCESS' });
    expect(await outcomeOf(second)).toBe('pending');
    expect(downs).toEqual([]);
  });
});

describe('watch events', () => {
  test('are handed on with path and token, between replies too', async () => {
    const { daemon, events, multiplexer } = await open();
    const reply = multiplexer.request(read('/a'), 0);
    daemon.event('/a', 'w1');
    daemon.reply(daemon.at(0), { payload: 'value' });
    daemon.event('@releaseDomain', 'w2');
    await reply;
    expect(events).toEqual([
      ['/a', 'w1'],
      ['@releaseDomain', 'w2'],
    ]);
  });

  test('without a token close the connection', async () => {
    const { daemon, downs, multiplexer } = await open();
    const reply = multiplexer.request(read('/a'), 0);
    daemon.send(encodeFrame({ type: 15, requestId: 0, transactionId: 0 }, ['/a\0']));
    await expect(reply).rejects.toMatchObject(CLOSED);
    expect(downs).toEqual([expect.objectContaining({ code: 'PROTOCOL_REMOTE' })]);
  });
});

describe('a daemon that breaks the protocol', () => {
  test('with garbage loses the connection, and every pending request fails', async () => {
    const { daemon, downs, multiplexer } = await open();
    const replies = ['/a', '/b', '/c'].map((path) => multiplexer.request(read(path), 0));
    daemon.send(Buffer.alloc(64, 0xff));
    expect(await codes(replies)).toEqual(Array(3).fill('XENSTORE_CLOSED'));
    await expect(replies[0]).rejects.toMatchObject({ cause: { code: 'PROTOCOL_REMOTE' } });
    await settled();
    expect(downs).toHaveLength(1);
    expect(daemon.connections[0]?.isOpen).toBe(false);
    expect(multiplexer.isUp).toBe(false);
  });

  test('with an answer of another type loses the connection', async () => {
    const { daemon, downs, multiplexer } = await open();
    const replies = ['/a', '/b'].map((path) => multiplexer.request(read(path), 0));
    const other = codes(replies.slice(1));
    void codes(replies.slice(0, 1));
    daemon.reply(daemon.at(0), OK, 'write');
    expect(await other).toEqual(['XENSTORE_CLOSED']);
    expect(downs).toEqual([expect.objectContaining({ code: 'PROTOCOL_REMOTE' })]);
    await settled();
    expect(daemon.connections[0]?.isOpen).toBe(false);
  });

  test('with an answer of another type fails that very request too', async () => {
    const { daemon, multiplexer } = await open();
    const reply = multiplexer.request(read('/a'), 0);
    const outcome = codes([reply]);
    daemon.reply(daemon.at(0), OK, 'write');
    expect(await outcome).toEqual(['XENSTORE_CLOSED']);
  });

  test('after that gets no request any more', async () => {
    const { daemon, multiplexer } = await open();
    daemon.send(Buffer.alloc(16, 0xff));
    await expect(multiplexer.request(read('/a'), 0)).rejects.toMatchObject(CLOSED);
    expect(daemon.seen).toEqual([]);
  });
});

describe('time-out', () => {
  test('fails the request, and takes down the connection with all that wait behind it', async () => {
    const { daemon, clock, downs, multiplexer } = await open();
    const stuck = codes([multiplexer.request(read('/stuck'), 0)]);
    await clock.advance(REQUEST_TIMEOUT_MS - 1);
    const behind = codes([multiplexer.request(read('/behind'), 0)]);
    await clock.advance(1);
    expect(await stuck).toEqual(['TIMEOUT']);
    expect(await behind).toEqual(['XENSTORE_CLOSED']);
    expect(downs).toEqual([expect.objectContaining({ code: 'TIMEOUT' })]);
    expect(daemon.connections[0]?.isOpen).toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  test('says how long it waited and for what', async () => {
    const { clock, multiplexer } = await open();
    const rejected = expect(multiplexer.request(read('/vm'), 0)).rejects.toMatchObject({
      message: expect.stringMatching(/60 s.*read \/vm/),
      context: { path: '/vm' },
    });
    await clock.advance(REQUEST_TIMEOUT_MS);
    await rejected;
  });

  test('comes to a request at its own time, however long others have taken', async () => {
    const { daemon, clock, multiplexer } = await open();
    const first = multiplexer.request(read('/a'), 0);
    await clock.advance(10_000);
    const second = multiplexer.request(read('/b'), 0).catch(() => 'second');
    daemon.reply(daemon.at(0), { payload: 'value' });
    await first;
    await clock.advance(REQUEST_TIMEOUT_MS - 1);
    expect(await outcomeOf(second)).toBe('pending');
    await clock.advance(1);
    expect(await outcomeOf(second)).toBe('second');
  });

  test('never comes to a request that was answered', async () => {
    const { clock, multiplexer } = await open(() => ({ payload: 'value' }));
    await multiplexer.request(read('/a'), 0);
    expect(clock.timerCount).toBe(0);
  });
});

describe('the connection', () => {
  test('keeps the process alive only while a request waits', async () => {
    const { daemon, multiplexer } = await open();
    const keepsAlive = (): boolean | undefined => daemon.connections[0]?.keepsAlive;
    expect(keepsAlive()).toBe(false);
    const replies = ['/a', '/b'].map((path) => multiplexer.request(read(path), 0));
    expect(keepsAlive()).toBe(true);
    daemon.reply(daemon.at(0), { payload: '' });
    expect(keepsAlive()).toBe(true);
    daemon.reply(daemon.at(1), { payload: '' });
    await Promise.all(replies);
    expect(keepsAlive()).toBe(false);
  });

  test('when lost fails all pending requests with the reason and leaves no timer', async () => {
    const { daemon, clock, downs, multiplexer } = await open();
    const replies = ['/a', '/b'].map((path) => multiplexer.request(read(path), 0));
    const rejected = expect(replies[1]).rejects.toMatchObject({ cause: { message: 'gone' } });
    const outcomes = codes(replies);
    daemon.drop(new Error('gone'));
    expect(await outcomes).toEqual(['XENSTORE_CLOSED', 'XENSTORE_CLOSED']);
    await rejected;
    expect(downs).toEqual([expect.objectContaining({ message: 'gone' })]);
    expect(clock.timerCount).toBe(0);
  });

  test('when closed by us fails all pending requests, tells it once, and stays closed', async () => {
    const { downs, multiplexer } = await open();
    const outcomes = codes([multiplexer.request(read('/a'), 0)]);
    multiplexer.close();
    multiplexer.close();
    expect(await outcomes).toEqual(['XENSTORE_CLOSED']);
    await expect(multiplexer.request(read('/b'), 0)).rejects.toMatchObject(CLOSED);
    expect(downs).toEqual([undefined]);
  });

  test('that cannot be had rejects with what the connector says', async () => {
    const daemon = new ScriptedXenstored();
    daemon.isAway = true;
    const events = { onWatchEvent: () => undefined, onDown: () => undefined };
    await expect(Multiplexer.open(daemon.connector, new HandClock(), events)).rejects.toMatchObject(
      { code: 'XENSTORE_UNAVAILABLE' },
    );
  });
});

test('a request that is too long is PROTOCOL_LOCAL, is not sent, and harms no other', async () => {
  const { daemon, clock, multiplexer } = await open(() => OK);
  const write = { name: 'write', path: '/a', value: Buffer.alloc(5000) } as const;
  await expect(multiplexer.request(write, 0)).rejects.toMatchObject({ code: 'PROTOCOL_LOCAL' });
  expect(daemon.seen).toEqual([]);
  expect(String(await multiplexer.request(read('/a'), 0))).toBe('OK\0');
  expect(clock.timerCount).toBe(0);
});

test('requests carry different ids, never 0, and the transaction they were given', async () => {
  const { daemon, multiplexer } = await open(() => OK);
  await Promise.all([1, 2, 3].map((transaction) => multiplexer.request(read('/a'), transaction)));
  const ids = daemon.seen.map(({ requestId }) => requestId);
  expect(new Set(ids).size).toBe(3);
  expect(ids).not.toContain(0);
  expect(daemon.seen.map(({ transactionId }) => transactionId)).toEqual([1, 2, 3]);
});
