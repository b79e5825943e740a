import { describe, expect, test } from '@jest/globals';
import { HandClock, outcomeOf, settled } from '../../host/hand-clock.test-helper.ts';
import { DOM0, domid, evtchn } from '../../ids.ts';
import type { Watch, WatchEvent } from '../xenstore.ts';
import { WireClient } from './client.ts';
import {
  OK,
  ScriptedXenstored,
  type Answer,
  type Script,
} from './scripted-xenstored.test-helper.ts';

const RECONNECT_PAUSE_MS = 50;
const RECONNECT_PAUSE_MAX_MS = 5000;
const CLOSED = { code: 'XENSTORE_CLOSED' };

/** Answers everything as a daemon would that has no nodes, and refuses to register a watch twice. */
function calmScript(): Script {
  const watches = new Set<string>();
  let transactions = 0;
  return ({ request, connection }): Answer => {
    switch (request.name) {
      case 'watch': {
        const watch = `${connection} ${request.path} ${request.token}`;
        if (watches.has(watch)) return { error: 'EEXIST' };
        watches.add(watch);
        return OK;
      }
      case 'transactionStart':
        return { payload: `${(transactions += 1)}\0` };
      case 'read':
        return { payload: 'value' };
      default:
        return OK;
    }
  };
}

function clientOf(script: Script = calmScript()) {
  const daemon = new ScriptedXenstored(script);
  const clock = new HandClock();
  const client = new WireClient(daemon.connector, { clock, random: () => 0.5 });
  return { daemon, clock, client };
}

const tokenOf = (daemon: ScriptedXenstored, index: number): string => {
  const { request } = daemon.at(index);
  return 'token' in request ? request.token : '';
};

/** The next event, or `pending` when there is none yet. */
const nextOf = (events: AsyncIterator<WatchEvent>): Promise<unknown> =>
  outcomeOf(events.next().then(({ done, value }) => (done === true ? 'ended' : value)));

const iterate = (watch: Watch): AsyncIterator<WatchEvent> => watch[Symbol.asyncIterator]();

describe('connecting', () => {
  test('happens at the first request and once, however many there are', async () => {
    const { daemon, client } = clientOf();
    expect(daemon.connections).toHaveLength(0);
    await Promise.all([client.read('/a'), client.read('/b')]);
    expect(daemon.connections).toHaveLength(1);
  });

  test('that fails is XENSTORE_UNAVAILABLE, and the next request tries again', async () => {
    const { daemon, client } = clientOf();
    daemon.isAway = true;
    await expect(client.connect()).rejects.toMatchObject({ code: 'XENSTORE_UNAVAILABLE' });
    await expect(client.read('/a')).rejects.toMatchObject({ code: 'XENSTORE_UNAVAILABLE' });
    daemon.isAway = false;
    expect(await client.read('/a')).toBe('value');
  });

  test('that was lost fails what was pending, and the next request connects again', async () => {
    const { daemon, client } = clientOf(({ connection }) =>
      connection === 1 ? undefined : { payload: 'value' },
    );
    const pending = client.read('/a');
    await settled();
    daemon.drop();
    await expect(pending).rejects.toMatchObject(CLOSED);
    expect(await client.read('/a')).toBe('value');
    expect(daemon.connections).toHaveLength(2);
  });

  test('is not tried again by itself when there is nothing to watch', async () => {
    const { daemon, clock, client } = clientOf();
    await client.connect();
    daemon.drop();
    await settled();
    expect(clock.timerCount).toBe(0);
    expect(daemon.connections).toHaveLength(1);
  });
});

describe('requests about domains', () => {
  test('carry their numbers as decimal text', async () => {
    const { daemon, client } = clientOf();
    const guest = domid(7);
    await client.introduce(guest, 0x1_2345_6789n, evtchn(1));
    await client.release(guest);
    await client.resume(guest);
    await client.setTarget(domid(9), guest);
    expect(daemon.seen.map(({ request }) => request)).toEqual([
      { name: 'introduce', domid: '7', frame: '4886718345', port: '1' },
      { name: 'release', domid: '7' },
      { name: 'resume', domid: '7' },
      { name: 'setTarget', domid: '9', target: '7' },
    ]);
  });

  test('understand the answers', async () => {
    const { client } = clientOf(({ request }) => {
      if (request.name === 'getDomainPath') return { payload: '/local/domain/7\0' };
      return 'domid' in request ? { payload: request.domid === '0' ? 'T\0' : 'F\0' } : undefined;
    });
    expect(await client.isIntroduced(DOM0)).toBe(true);
    expect(await client.isIntroduced(domid(7))).toBe(false);
    expect(await client.getDomainPath(domid(7))).toBe('/local/domain/7');
  });
});

describe('a watch', () => {
  test('gets the events with its token, and those of another go to the other', async () => {
    const { daemon, client } = clientOf();
    const [a, b] = [await client.watch('/a'), await client.watch('@releaseDomain')];
    expect(tokenOf(daemon, 0)).not.toBe(tokenOf(daemon, 1));
    const [ofA, ofB] = [iterate(a), iterate(b)];
    daemon.event('@releaseDomain', tokenOf(daemon, 1));
    daemon.event('/a/b', tokenOf(daemon, 0));
    expect(await nextOf(ofA)).toEqual({ kind: 'changed', path: '/a/b' });
    expect(await nextOf(ofB)).toEqual({ kind: 'changed', path: '@releaseDomain' });
    expect(await nextOf(ofA)).toBe('pending');
  });

  test('of a path that another has too gets its own events', async () => {
    const { daemon, client } = clientOf();
    const [first, second] = [await client.watch('/a'), await client.watch('/a')];
    daemon.event('/a', tokenOf(daemon, 1));
    expect(await nextOf(iterate(first))).toBe('pending');
    expect(await nextOf(iterate(second))).toEqual({ kind: 'changed', path: '/a' });
  });

  test('keeps events that come before its own reply', async () => {
    const { daemon, client } = clientOf(() => undefined);
    const watching = client.watch('/a');
    await settled();
    daemon.event('/a', tokenOf(daemon, 0));
    daemon.reply(daemon.at(0), OK);
    expect(await nextOf(iterate(await watching))).toEqual({ kind: 'changed', path: '/a' });
  });

  test('tells of a path that waits already only once, and again after it was taken', async () => {
    const { daemon, client } = clientOf();
    const events = iterate(await client.watch('/a'));
    const token = tokenOf(daemon, 0);
    for (const path of ['/a', '/a/b', '/a', '/a/b', '/a']) daemon.event(path, token);
    expect(await nextOf(events)).toEqual({ kind: 'changed', path: '/a' });
    expect(await nextOf(events)).toEqual({ kind: 'changed', path: '/a/b' });
    daemon.event('/a', token);
    expect(await nextOf(events)).toEqual({ kind: 'changed', path: '/a' });
    expect(await nextOf(events)).toBe('pending');
  });

  test('of which too many paths wait says resync once instead', async () => {
    const { daemon, client } = clientOf();
    const events = iterate(await client.watch('/a'));
    const token = tokenOf(daemon, 0);
    for (let path = 0; path < 1025; path += 1) daemon.event(`/a/${path}`, token);
    expect(await nextOf(events)).toEqual({ kind: 'resync' });
    expect(await nextOf(events)).toBe('pending');
  });

  test('that the daemon refuses rejects, and is not tried again on the next connection', async () => {
    const { daemon, clock, client } = clientOf(() => ({ error: 'EACCES' }));
    await expect(client.watch('/a')).rejects.toMatchObject({ code: 'XENSTORE_ACCESS' });
    daemon.event('/a', tokenOf(daemon, 0));
    daemon.drop();
    await settled();
    expect(clock.timerCount).toBe(0);
  });

  test('of a bad path is PROTOCOL_LOCAL and nothing is sent', async () => {
    const { daemon, client } = clientOf();
    await expect(client.watch('/a//b')).rejects.toMatchObject({ code: 'PROTOCOL_LOCAL' });
    expect(daemon.seen).toEqual([]);
  });

  test('when disposed ends, and is unregistered once with its path and token', async () => {
    const { daemon, client } = clientOf();
    const watch = await client.watch('/a');
    const events = iterate(watch);
    const ending = nextOf(events);
    await watch[Symbol.asyncDispose]();
    await watch[Symbol.asyncDispose]();
    expect(await ending).toBe('ended');
    expect(daemon.seen.slice(1).map(({ request }) => request)).toEqual([
      { name: 'unwatch', path: '/a', token: tokenOf(daemon, 0) },
    ]);
  });

  test('that the daemon has forgotten can still be disposed', async () => {
    const calm = calmScript();
    const { client } = clientOf((seen) =>
      seen.request.name === 'unwatch' ? { error: 'ENOENT' } : calm(seen),
    );
    const watch = await client.watch('/a');
    await expect(watch[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });

  test('ends with the client, also while its consumer waits', async () => {
    const { client } = clientOf();
    const events = iterate(await client.watch('/a'));
    const ending = events.next();
    await client[Symbol.asyncDispose]();
    expect(await ending).toMatchObject({ done: true });
  });
});

describe('the signal of a watch', () => {
  test('that has fired before rejects with ABORTED, and nothing is sent', async () => {
    const { daemon, client } = clientOf();
    const signal = AbortSignal.abort();
    await expect(client.watch('/a', { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(daemon.seen).toEqual([]);
  });

  test('ends the watch when it fires, and unregisters it once', async () => {
    const { daemon, client } = clientOf();
    const caller = new AbortController();
    const watch = await client.watch('/a', { signal: caller.signal });
    const events = iterate(watch);
    caller.abort();
    expect(await nextOf(events)).toBe('ended');
    await watch[Symbol.asyncDispose]();
    await settled();
    expect(daemon.names).toEqual(['watch', 'unwatch']);
  });

  test('does nothing any more once the watch was disposed', async () => {
    const { daemon, client } = clientOf();
    const caller = new AbortController();
    const watch = await client.watch('/a', { signal: caller.signal });
    await watch[Symbol.asyncDispose]();
    caller.abort();
    await settled();
    expect(daemon.names).toEqual(['watch', 'unwatch']);
  });

  test('that fires while the watch is being registered leaves none behind', async () => {
    const { daemon, client } = clientOf(() => undefined);
    const caller = new AbortController();
    const watching = client.watch('/a', { signal: caller.signal }).catch(() => undefined);
    await settled();
    caller.abort();
    daemon.reply(daemon.at(0), OK);
    await watching;
    await settled();
    expect(daemon.names).toEqual(['watch', 'unwatch']);
  });
});

describe('after the connection was lost', () => {
  test('watches are registered anew with their tokens, and say resync', async () => {
    const { daemon, clock, client } = clientOf();
    const watches = [await client.watch('/a'), await client.watch('/b')].map(iterate);
    const before = daemon.seen.map(({ request }) => request);
    daemon.drop();
    await settled();
    await clock.advance(RECONNECT_PAUSE_MS);
    const anew = daemon.seen.filter(({ connection }) => connection === 2);
    expect(anew.map(({ request }) => request)).toEqual(before);
    for (const events of watches) expect(await nextOf(events)).toEqual({ kind: 'resync' });
    daemon.event('/a', tokenOf(daemon, 0));
    expect(await nextOf(watches[0]!)).toEqual({ kind: 'changed', path: '/a' });
    expect(clock.timerCount).toBe(0);
  });

  test('a watch that was disposed before is not registered again', async () => {
    const { daemon, clock, client } = clientOf();
    const gone = await client.watch('/gone');
    await client.watch('/kept');
    await gone[Symbol.asyncDispose]();
    daemon.drop();
    await settled();
    await clock.advance(RECONNECT_PAUSE_MS);
    const anew = daemon.seen.filter(({ connection }) => connection === 2);
    expect(anew.map(({ request }) => request)).toEqual([
      expect.objectContaining({ name: 'watch', path: '/kept' }),
    ]);
  });

  test('it is tried again with growing pauses up to a bound, until somebody answers', async () => {
    const daemon = new ScriptedXenstored(calmScript());
    const clock = new HandClock();
    const triesMs: number[] = [];
    const client = new WireClient(
      (handlers) => {
        triesMs.push(clock.nowMs());
        return daemon.connector(handlers);
      },
      { clock },
    );
    const events = iterate(await client.watch('/a'));
    daemon.isAway = true;
    daemon.drop();
    await settled();
    await clock.advance(20_000);
    const pausesMs = triesMs.slice(1).map((at, index) => at - (triesMs[index] ?? 0));
    expect(pausesMs).toEqual([50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    daemon.isAway = false;
    await clock.advance(RECONNECT_PAUSE_MAX_MS);
    expect(await nextOf(events)).toEqual({ kind: 'resync' });
    expect(clock.timerCount).toBe(0);
  });

  test('one that has stalled is given up, and watches and requests go on over the next', async () => {
    const calm = calmScript();
    const { daemon, clock, client } = clientOf((seen) =>
      seen.request.name === 'write' && seen.connection === 1 ? undefined : calm(seen),
    );
    const events = iterate(await client.watch('/a'));
    const stuck = client.write('/a/b', 'v').catch((error: unknown) => error);
    await clock.advance(60_000);
    expect(await stuck).toMatchObject({ code: 'TIMEOUT' });
    await clock.advance(RECONNECT_PAUSE_MS);
    expect(await nextOf(events)).toEqual({ kind: 'resync' });
    await client.write('/a/b', 'v');
    expect(daemon.connections.map(({ isOpen }) => isOpen)).toEqual([false, true]);
  });

  test('a closed client does not try any more', async () => {
    const { daemon, clock, client } = clientOf();
    await client.watch('/a');
    daemon.drop();
    await settled();
    await client[Symbol.asyncDispose]();
    await clock.advance(60_000);
    expect(clock.timerCount).toBe(0);
    expect(daemon.connections).toHaveLength(1);
  });

  test('a watch made on the new connection does not keep the others from it', async () => {
    const { daemon, clock, client } = clientOf();
    await client.watch('/old');
    daemon.drop();
    await settled();
    await client.watch('/new');
    await clock.advance(60_000);
    expect(clock.timerCount).toBe(0);
    const anew = daemon.seen.filter(({ connection }) => connection === 2);
    const paths = anew.map(({ request }) => 'path' in request && request.path);
    expect(paths.sort()).toEqual(['/new', '/old']);
  });
});

describe('a transaction', () => {
  /** Refuses to commit this often. */
  function conflictingScript(conflicts: number): Script {
    const calm = calmScript();
    let left = conflicts;
    return (seen) => {
      if (seen.request.name !== 'transactionEnd' || !seen.request.commit) return calm(seen);
      return (left -= 1) >= 0 ? { error: 'EAGAIN' } : OK;
    };
  }

  test('sends its requests with its id and commits', async () => {
    const { daemon, client } = clientOf(({ request }) =>
      request.name === 'transactionStart' ? { payload: '4294967295\0' } : OK,
    );
    const result = await client.transaction(async (tree) => {
      await tree.write('/a', 'value');
      return 'done';
    });
    expect(result).toBe('done');
    expect(daemon.seen.map(({ request, transactionId }) => [request.name, transactionId])).toEqual([
      ['transactionStart', 0],
      ['write', 4_294_967_295],
      ['transactionEnd', 4_294_967_295],
    ]);
    expect(daemon.at(-1).request).toEqual({ name: 'transactionEnd', commit: true });
  });

  test('runs its body again from the start when others were in the way', async () => {
    const { daemon, clock, client } = clientOf(conflictingScript(2));
    let runs = 0;
    const result = client.transaction(async (tree) => {
      runs += 1;
      await tree.write('/a', String(runs));
      return runs;
    });
    await settled();
    await clock.advance(1000);
    expect(await result).toBe(3);
    const transactions = daemon.seen.filter(({ request }) => request.name === 'write');
    expect(transactions.map(({ transactionId }) => transactionId)).toEqual([1, 2, 3]);
    expect(clock.timerCount).toBe(0);
  });

  test('runs again when a request inside meets the conflict, after it was aborted', async () => {
    const calm = calmScript();
    const { daemon, clock, client } = clientOf((seen) =>
      seen.request.name === 'write' && seen.transactionId === 1 ? { error: 'EAGAIN' } : calm(seen),
    );
    const result = client.transaction((tree) => tree.write('/a', ''));
    await settled();
    await clock.advance(1000);
    await result;
    expect(daemon.seen.slice(1, 4).map(({ request }) => request)).toEqual([
      expect.objectContaining({ name: 'write' }),
      { name: 'transactionEnd', commit: false },
      { name: 'transactionStart' },
    ]);
  });

  test.each([
    ['24 attempts unless said', {}, 24],
    ['as many as it was given', { attempts: 3 }, 3],
    ['one', { attempts: 1 }, 1],
  ])('gives up with XENSTORE_CONFLICT after %s', async (_what, options, attempts) => {
    const { daemon, clock, client } = clientOf(conflictingScript(1000));
    const result = expect(
      client.transaction(() => Promise.resolve(), options),
    ).rejects.toMatchObject({ code: 'XENSTORE_CONFLICT', context: { attempts } });
    await settled();
    await clock.advance(100_000);
    await result;
    expect(daemon.names.filter((name) => name === 'transactionStart')).toHaveLength(attempts);
    expect(clock.timerCount).toBe(0);
  });

  test('is aborted when its body throws, and rejects with what was thrown', async () => {
    const { daemon, client } = clientOf();
    const thrown = new Error('changed my mind');
    await expect(client.transaction(() => Promise.reject(thrown))).rejects.toBe(thrown);
    expect(daemon.at(-1)).toMatchObject({
      request: { name: 'transactionEnd', commit: false },
      transactionId: 1,
    });
  });

  test('is not tried again when committing fails for another reason', async () => {
    const calm = calmScript();
    const { daemon, client } = clientOf((seen) =>
      seen.request.name === 'transactionEnd' ? { error: 'ENOSPC' } : calm(seen),
    );
    await expect(client.transaction(() => Promise.resolve())).rejects.toMatchObject({
      code: 'XENSTORE_QUOTA',
    });
    expect(daemon.names).toEqual(['transactionStart', 'transactionEnd']);
  });

  test('whose connection is lost in the middle rejects, and does not go on on the next', async () => {
    const { daemon, client } = clientOf();
    const result = client.transaction(async (tree) => {
      await tree.write('/a', '');
      daemon.drop();
      await settled();
      await tree.write('/b', '');
    });
    await expect(result).rejects.toMatchObject(CLOSED);
    expect(daemon.connections).toHaveLength(1);
    expect(daemon.names).toEqual(['transactionStart', 'write']);
  });

  test('does not start when its signal has fired, and does not try again after', async () => {
    const { daemon, clock, client } = clientOf(conflictingScript(1000));
    const signal = AbortSignal.abort();
    const body = (): Promise<void> => Promise.resolve();
    await expect(client.transaction(body, { signal })).rejects.toMatchObject({ code: 'ABORTED' });
    expect(daemon.seen).toEqual([]);
    const caller = new AbortController();
    const result = client.transaction(body, { signal: caller.signal });
    await settled();
    caller.abort();
    const rejected = expect(result).rejects.toMatchObject({ code: 'ABORTED' });
    await clock.advance(1000);
    await rejected;
    expect(daemon.names).toEqual(['transactionStart', 'transactionEnd']);
  });

  test.each(['', '\0', 'one\0', '0\0', '-1\0', '4294967296\0'])(
    'whose id %j is none is PROTOCOL_REMOTE, and its body does not run',
    async (payload) => {
      const { daemon, client } = clientOf(({ request }) =>
        request.name === 'transactionStart' ? { payload } : OK,
      );
      const failure: unknown = await client
        .transaction((tree) => tree.write('/a', ''))
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'PROTOCOL_REMOTE' });
      expect(daemon.names).toEqual(['transactionStart']);
    },
  );

  test('rejects with what its body threw even when aborting fails too', async () => {
    const calm = calmScript();
    const { client } = clientOf((seen) =>
      seen.request.name === 'transactionEnd' ? { error: 'EIO' } : calm(seen),
    );
    const thrown = new Error('the reason');
    await expect(client.transaction(() => Promise.reject(thrown))).rejects.toBe(thrown);
  });
});

describe('a closed client', () => {
  test('refuses everything with XENSTORE_CLOSED and does not connect', async () => {
    const { daemon, client } = clientOf();
    await client[Symbol.asyncDispose]();
    const attempts = [
      client.read('/a'),
      client.write('/a', ''),
      client.watch('/a'),
      client.transaction(() => Promise.resolve()),
      client.isIntroduced(DOM0),
      client.connect(),
    ];
    for (const attempt of attempts) await expect(attempt).rejects.toMatchObject(CLOSED);
    expect(daemon.connections).toHaveLength(0);
  });

  test('can be closed again', async () => {
    const { daemon, client } = clientOf();
    await client.connect();
    await client[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    expect(daemon.connections[0]?.isOpen).toBe(false);
  });

  test('has failed what was pending', async () => {
    const { client } = clientOf(() => undefined);
    const pending = expect(client.read('/a')).rejects.toMatchObject(CLOSED);
    await settled();
    await client[Symbol.asyncDispose]();
    await pending;
  });

  test('closes a connection that was still being made', async () => {
    const { daemon, client } = clientOf();
    const connecting = client.connect().catch(() => undefined);
    await client[Symbol.asyncDispose]();
    await connecting;
    expect(daemon.connections.every(({ isOpen }) => !isOpen)).toBe(true);
  });

  test('lets its watches be disposed', async () => {
    const { client } = clientOf();
    const watch = await client.watch('/a');
    await client[Symbol.asyncDispose]();
    await expect(watch[Symbol.asyncDispose]()).resolves.toBeUndefined();
  });
});
