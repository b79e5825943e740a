import { describe, expect, test } from '@jest/globals';
import { HandClock, outcomeOf, settled } from '../host/hand-clock.test-helper.ts';
import { WireClient } from './client/client.ts';
import { OK, ScriptedXenstored, type Script } from './client/scripted-xenstored.test-helper.ts';
import { waitFor } from './wait.ts';

/** A store, and looks that come to what the test says. */
function setUp(script: Script = () => OK) {
  const daemon = new ScriptedXenstored(script);
  const clock = new HandClock();
  const store = new WireClient(daemon.connector, { clock });
  const looks: { found: (result?: string) => void; failed: (error: Error) => void }[] = [];
  const look = (): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      looks.push({ found: resolve, failed: reject });
    });
  const token = (path: string): string => {
    const watch = daemon.seen.find(
      ({ request }) => request.name === 'watch' && request.path === path,
    );
    return watch !== undefined && 'token' in watch.request ? watch.request.token : '';
  };
  const event = async (path: string): Promise<void> => {
    daemon.event(path, token(path));
    await settled();
  };
  const wait = (paths: readonly string[], signal?: AbortSignal): Promise<string> =>
    waitFor(
      store,
      { what: 'the guest', lastState: () => 'asleep', paths, look },
      { timeoutMs: 5000, clock, signal },
    );
  return { daemon, clock, looks, event, wait };
}

const watched = (daemon: ScriptedXenstored): readonly string[] =>
  daemon.seen.flatMap(({ request }) =>
    request.name === 'watch' || request.name === 'unwatch' ? `${request.name} ${request.path}` : [],
  );

describe('looking', () => {
  test('begins once all watches are in place, without an event', async () => {
    const { daemon, looks, wait } = setUp(() => undefined);
    const waiting = wait(['/a', '/b']);
    await settled();
    expect(looks).toHaveLength(0);
    daemon.reply(daemon.at(0), OK);
    await settled();
    expect(looks).toHaveLength(0);
    daemon.reply(daemon.at(1), OK);
    await settled();
    expect(looks).toHaveLength(1);
    looks[0]!.found('done');
    await settled();
    for (const seen of daemon.seen.slice(2)) daemon.reply(seen, OK);
    await settled();
    daemon.reply(daemon.at(-1), OK);
    expect(await waiting).toBe('done');
  });

  test('that finds it at once needs no event, and the watches are gone again', async () => {
    const { daemon, clock, looks, wait } = setUp();
    const waiting = wait(['/a', '@releaseDomain']);
    await settled();
    looks[0]!.found('done');
    expect(await waiting).toBe('done');
    expect([...watched(daemon)].sort()).toEqual([
      'unwatch /a',
      'unwatch @releaseDomain',
      'watch /a',
      'watch @releaseDomain',
    ]);
    expect(clock.timerCount).toBe(0);
  });

  test('is repeated after an event of any path', async () => {
    const { looks, event, wait } = setUp();
    const waiting = wait(['/a', '/b']);
    await settled();
    looks[0]!.found();
    await settled();
    expect(looks).toHaveLength(1);
    await event('/b');
    expect(looks).toHaveLength(2);
    looks[1]!.found();
    await event('/a');
    expect(looks).toHaveLength(3);
    looks[2]!.found('done');
    expect(await waiting).toBe('done');
  });

  test('is never done twice at a time; events during a look cause one more', async () => {
    const { looks, event, wait } = setUp();
    const waiting = wait(['/a', '/b']);
    await settled();
    for (const path of ['/a', '/b', '/a']) await event(path);
    expect(looks).toHaveLength(1);
    looks[0]!.found();
    await settled();
    expect(looks).toHaveLength(2);
    looks[1]!.found('done');
    expect(await waiting).toBe('done');
    expect(looks.length).toBeLessThanOrEqual(3);
  });

  test.each([
    ['at the start', 0],
    ['after an event', 1],
  ])('that fails %s ends the wait with its error', async (_when, failing) => {
    const { daemon, clock, looks, event, wait } = setUp();
    const rejected = expect(wait(['/a'])).rejects.toThrow('broken');
    await settled();
    for (let index = 0; index < failing; index += 1) {
      looks[index]!.found();
      await event('/a');
    }
    looks[failing]!.failed(new Error('broken'));
    await rejected;
    expect(watched(daemon)).toEqual(['watch /a', 'unwatch /a']);
    expect(clock.timerCount).toBe(0);
  });

  test('is repeated after the connection was lost and is there again', async () => {
    const { daemon, clock, looks, wait } = setUp();
    const waiting = wait(['/a']);
    await settled();
    looks[0]!.found();
    daemon.drop();
    await settled();
    await clock.advance(50);
    expect(looks).toHaveLength(2);
    looks[1]!.found('done');
    expect(await waiting).toBe('done');
  });
});

describe('giving up', () => {
  test('on time-out says what was awaited, and removes the watches', async () => {
    const { daemon, clock, looks, wait } = setUp();
    const rejected = expect(wait(['/a', '/b'])).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringContaining('the guest'),
      context: { lastState: 'asleep' },
    });
    await settled();
    looks[0]!.found();
    await clock.advance(5000);
    await rejected;
    await settled();
    expect([...watched(daemon)].sort()).toEqual([
      'unwatch /a',
      'unwatch /b',
      'watch /a',
      'watch /b',
    ]);
    expect(clock.timerCount).toBe(0);
  });

  test('on abort is ABORTED, and removes the watches', async () => {
    const { daemon, clock, looks, wait } = setUp();
    const caller = new AbortController();
    const rejected = expect(wait(['/a'], caller.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await settled();
    looks[0]!.found();
    caller.abort();
    await rejected;
    await settled();
    expect(watched(daemon)).toEqual(['watch /a', 'unwatch /a']);
    expect(clock.timerCount).toBe(0);
  });

  test('before the start registers nothing and does not look', async () => {
    const { daemon, looks, wait } = setUp();
    await expect(wait(['/a'], AbortSignal.abort())).rejects.toMatchObject({ code: 'ABORTED' });
    expect(daemon.seen).toEqual([]);
    expect(looks).toEqual([]);
  });

  test('does not look again, and ends although a look has not come back', async () => {
    const { clock, looks, event, wait } = setUp();
    const outcome = wait(['/a']).catch((error: unknown) => error);
    await settled();
    await event('/a');
    await clock.advance(5000);
    expect(await outcomeOf(outcome)).toMatchObject({ code: 'TIMEOUT' });
    looks[0]!.found();
    await event('/a');
    expect(looks).toHaveLength(1);
  });

  test('after a watch was refused rejects with the refusal and removes the others', async () => {
    const { daemon, clock, wait } = setUp(({ request }) =>
      'path' in request && request.path === '/b' ? { error: 'EACCES' } : OK,
    );
    await expect(wait(['/a', '/b'])).rejects.toMatchObject({ code: 'XENSTORE_ACCESS' });
    expect(watched(daemon)).toEqual(['watch /a', 'watch /b', 'unwatch /a']);
    expect(clock.timerCount).toBe(0);
  });

  test('while the last watch is being registered leaves none behind', async () => {
    const { daemon, wait } = setUp(({ request }) => (request.name === 'watch' ? undefined : OK));
    const caller = new AbortController();
    const rejected = expect(wait(['/a'], caller.signal)).rejects.toMatchObject({ code: 'ABORTED' });
    await settled();
    caller.abort();
    await rejected;
    daemon.reply(daemon.at(0), OK);
    await settled();
    expect(watched(daemon)).toEqual(['watch /a', 'unwatch /a']);
  });
});
