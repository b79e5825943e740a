import { expect, test } from '@jest/globals';
import { HandClock, settled } from '../host/hand-clock.test-helper.ts';
import { WireClient } from './client/client.ts';
import { OK, ScriptedXenstored } from './client/scripted-xenstored.test-helper.ts';
import { followWatch } from './follow-watch.ts';
import type { WatchEvent } from './xenstore.ts';

function open(): { readonly daemon: ScriptedXenstored; readonly client: WireClient } {
  const daemon = new ScriptedXenstored(() => OK);
  return { daemon, client: new WireClient(daemon.connector, { clock: new HandClock() }) };
}

/** The token of the first watch of a client. */
const TOKEN = 'w1';

test('each event is one call, and none comes before the last one has settled', async () => {
  const { daemon, client } = open();
  const seen: WatchEvent[] = [];
  let settle: () => void = () => undefined;
  await followWatch(client, '/a', {
    onEvent: (event) => {
      seen.push(event);
      return new Promise<void>((resolve) => (settle = resolve));
    },
  });
  daemon.event('/a/b', TOKEN);
  daemon.event('/a/c', TOKEN);
  await settled();
  expect(seen).toEqual([{ kind: 'changed', path: '/a/b' }]);
  settle();
  await settled();
  expect(seen).toHaveLength(2);
});

test('disposing unregisters it and tells of the end, without a failure', async () => {
  const { daemon, client } = open();
  const ends: unknown[] = [];
  const following = await followWatch(client, '/a', {
    onEvent: () => undefined,
    onEnd: (failure) => void ends.push(failure),
  });
  await following[Symbol.asyncDispose]();
  await following[Symbol.asyncDispose]();
  await settled();
  expect(ends).toEqual([undefined]);
  expect(daemon.names).toEqual(['watch', 'unwatch']);
});

test('what the call-back throws ends the watch and is told', async () => {
  const { daemon, client } = open();
  const failure = new Error('the call-back fails');
  const ends: unknown[] = [];
  await followWatch(client, '/a', {
    onEvent: () => Promise.reject(failure),
    onEnd: (reason) => void ends.push(reason),
  });
  daemon.event('/a', TOKEN);
  await settled();
  expect(ends).toEqual([failure]);
  expect(daemon.names).toEqual(['watch', 'unwatch']);
});

test('a lost client ends it', async () => {
  const { client } = open();
  let ends = 0;
  await followWatch(client, '/a', { onEvent: () => undefined, onEnd: () => void (ends += 1) });
  await client[Symbol.asyncDispose]();
  await settled();
  expect(ends).toBe(1);
});
