/** What D-Bus libraries for Node get wrong, each with a test that ours does not: leaks, silence, staleness. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { connectBus, type Bus } from './bus.ts';
import type { BusState, CallTarget } from './bus-options.ts';
import { InterfaceClient } from './client/interface-client.ts';
import type { InterfaceDescription } from './describe.ts';
import type { Exported } from './server/object-tree.ts';

const NAME = 'org.example.Lamp';
const PATH = '/org/example/lamp';
const LAMP: InterfaceDescription = {
  name: NAME,
  xml: '<interface name="org.example.Lamp"/>',
  methods: { hang: { input: '', output: '' } },
  signals: { lit: 's' },
  properties: { 'is-lit': { type: 'b', access: 'read', emitsChanged: 'true' } },
  errors: [],
};

interface Signals {
  readonly lit: readonly [by: string];
}

const LAMPS = new WeakMap<Bus, Exported<Signals, object>>();

class LampClient extends InterfaceClient<Signals, { readonly 'is-lit': boolean }, 'is-lit', never> {
  constructor(bus: Bus, destination = NAME) {
    super(bus, { destination, path: PATH }, LAMP);
  }

  async hang(): Promise<void> {
    await this.invoke('hang', [], undefined);
  }
}

async function serveLamp(address: string, isLit: boolean): Promise<Bus> {
  const bus = await connectBus({ address, timeoutMs: 5000 });
  const lamp = bus.objects.export<Signals, object>(PATH, LAMP, {
    methods: { hang: () => new Promise(() => undefined) },
    properties: { 'is-lit': { get: () => isLit } },
  });
  await bus.requestName(NAME);
  LAMPS.set(bus, lamp);
  return bus;
}

/** Emits the lamp's signal from its path, whoever it is. */
function light(bus: Bus, by: string): void {
  const name = { ...LAMP, methods: {} };
  const path = bus.objects.introspect(PATH) === undefined ? PATH : undefined;
  const lamp =
    path === undefined ? LAMPS.get(bus) : bus.objects.export<Signals, object>(path, name, {});
  lamp?.emit('lit', by);
}

/** How many match rules the daemon itself counts for a connection. */
async function rulesInDaemon(bus: Bus, connection: string): Promise<number> {
  const call: CallTarget = {
    destination: 'org.freedesktop.DBus',
    path: '/org/freedesktop/DBus',
    interface: 'org.freedesktop.DBus.Debug.Stats',
    member: 'GetConnectionStats',
    input: 's',
    output: 'a{sv}',
  };
  const [stats] = await bus.call(call, [connection]);
  const { value } = (stats as Map<string, { value: unknown }>).get('MatchRules') ?? { value: -1 };
  return Number(value);
}

let daemon: PrivateBus;

beforeAll(async () => {
  daemon = await startPrivateBus();
});

afterAll(async () => {
  await daemon.stop();
});

describe('match rules', () => {
  test('as many subscriptions as you like are one rule, which goes with the last of them', async () => {
    await using bus = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    const lamp = new LampClient(bus);
    const subscriptions = await Promise.all(
      Array.from({ length: 5 }, async () => lamp.signals.on('lit', () => undefined)),
    );
    // One for the signal and one for the owner of the name.
    expect(bus.matchRuleCount).toBe(2);
    for (const one of subscriptions.slice(1)) one.close();
    subscriptions[1]?.close();
    expect(bus.matchRuleCount).toBe(2);
    subscriptions[0]?.close();
    expect(bus.matchRuleCount).toBe(0);
    await using other = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    // RemoveMatch has no reply; a round trip on the same connection comes after it.
    await bus.findNameOwner(NAME);
    expect(await rulesInDaemon(other, bus.uniqueName)).toBe(0);
  });

  test('a hundred subscriptions one after the other leave no rule behind', async () => {
    await using bus = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    const lamp = new LampClient(bus);
    for (let round = 0; round < 100; round++) {
      (await lamp.signals.on('lit', () => undefined)).close();
    }
    expect(bus.matchRuleCount).toBe(0);
    await bus.findNameOwner(NAME);
    expect(await rulesInDaemon(bus, bus.uniqueName)).toBe(0);
  });
});

describe('a peer that leaves', () => {
  test('rejects what is pending with it, and is told to those who watch its name', async () => {
    const server = await serveLamp(daemon.address, true);
    await using bus = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    const owners: (string | undefined)[] = [];
    using _watch = await bus.watchName(NAME, (owner) => void owners.push(owner));
    const hanging = new LampClient(bus).hang();
    await bus.findNameOwner(NAME);
    const uniqueName = server.uniqueName;
    await server.close();
    await expect(hanging).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.NoReply',
    });
    expect(owners).toEqual([uniqueName, undefined]);
  });

  test('and comes back is the same to a client: nothing is stale', async () => {
    const first = await serveLamp(daemon.address, false);
    await using bus = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    const lamp = new LampClient(bus);
    using cache = await lamp.properties.openCache();
    expect(cache.get('is-lit')).toBe(false);
    const heard: string[] = [];
    using _on = await lamp.signals.on('lit', (by) => void heard.push(by));
    const gone = new Promise<void>((resolve) => {
      cache.onUpdate(() => {
        if (!cache.isPresent) resolve();
      });
    });
    await first.close();
    await gone;
    expect(cache.get('is-lit')).toBeUndefined();
    const again = new Promise<void>((resolve) => {
      cache.onUpdate(() => {
        if (cache.get('is-lit') === true) resolve();
      });
    });
    await using second = await serveLamp(daemon.address, true);
    await again;
    const stream = await lamp.signals.stream('lit');
    await using impostor = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    light(impostor, 'impostor');
    await impostor.findNameOwner(NAME);
    light(second, 'the second');
    expect(await stream.next()).toEqual({ done: false, value: ['the second'] });
    expect(heard).toEqual(['the second']);
  });
});

describe('the end of the connection', () => {
  test('rejects every pending call, and everything after it', async () => {
    await using own = await startPrivateBus();
    await using _server = await serveLamp(own.address, true);
    const bus = await connectBus({ address: own.address, timeoutMs: 5000 });
    const states: BusState[] = [];
    const closed = new Promise<void>((resolve) => {
      bus.onStateChange((state) => {
        states.push(state);
        resolve();
      });
    });
    const lamp = new LampClient(bus);
    const stream = await lamp.signals.stream('lit');
    const waiting = expect(stream.next()).rejects.toMatchObject({ code: 'DBUS_CLOSED' });
    const hanging = expect(lamp.hang()).rejects.toMatchObject({ code: 'DBUS_CLOSED' });
    await bus.findNameOwner(NAME);
    await own.kill();
    await Promise.all([hanging, waiting, closed]);
    expect(states).toMatchObject([{ kind: 'closed', reason: { code: 'DBUS_CLOSED' } }]);
    await expect(lamp.hang()).rejects.toMatchObject({ code: 'DBUS_CLOSED' });
  });

  test('is mended with `reconnect`: names, rules and watched owners are there again', async () => {
    await using own = await startPrivateBus();
    const reconnect = { firstDelayMs: 5, delayMaxMs: 50 };
    const options = { address: own.address, timeoutMs: 5000, reconnect };
    await using server = await connectBus(options);
    const exported = server.objects.export<Signals, object>(PATH, LAMP, {
      methods: { hang: () => undefined },
      properties: { 'is-lit': { get: () => true } },
    });
    await server.requestName(NAME);
    await using client = await connectBus(options);
    const lamp = new LampClient(client);
    const states: string[] = [];
    const stream = await lamp.signals.stream('lit');
    const both = [server, client].map(
      async (bus) =>
        new Promise<void>((resolve) => {
          bus.onStateChange(({ kind }) => {
            states.push(kind);
            if (kind === 'reconnected') resolve();
          });
        }),
    );
    await own.restart();
    await Promise.all(both);
    expect(states.toSorted()).toEqual([
      'disconnected',
      'disconnected',
      'reconnected',
      'reconnected',
    ]);
    await lamp.hang();
    exported.emit('lit', 'daemon');
    expect(await stream.next()).toEqual({ done: false, value: ['daemon'] });
    expect(client.matchRuleCount).toBe(2);
  });
});

describe('pending calls', () => {
  test('are bounded', async () => {
    await using _server = await serveLamp(daemon.address, true);
    await using bus = await connectBus({
      address: daemon.address,
      timeoutMs: 5000,
      limits: { pendingCallsMax: 3 },
    });
    const lamp = new LampClient(bus);
    const pending = Promise.allSettled([lamp.hang(), lamp.hang(), lamp.hang()]);
    await expect(lamp.hang()).rejects.toMatchObject({ code: 'DBUS_LIMIT', context: { limit: 3 } });
    expect(bus.pendingCallCount).toBe(3);
    await bus.close();
    await expect(pending).resolves.toMatchObject([
      { reason: { code: 'DBUS_CLOSED' } },
      { reason: { code: 'DBUS_CLOSED' } },
      { reason: { code: 'DBUS_CLOSED' } },
    ]);
  });

  test('and what is not yet sent too', async () => {
    await using bus = await connectBus({
      address: daemon.address,
      timeoutMs: 5000,
      limits: { unsentBytesMax: 10_000, messageBytesMax: 8000 },
    });
    const call: CallTarget = {
      destination: 'org.freedesktop.DBus',
      path: '/',
      interface: 'org.example.Any',
      member: 'Any',
      input: 's',
      output: '',
      noReply: true,
    };
    await expect(bus.call(call, ['x'.repeat(9000)])).rejects.toMatchObject({ code: 'DBUS_LIMIT' });
    await bus.call(call, ['x'.repeat(6000)]);
    await expect(bus.call(call, ['x'.repeat(6000)])).rejects.toMatchObject({ code: 'DBUS_LIMIT' });
  });
});

describe('the process', () => {
  const script = (end: string): string => `
    import { connectBus } from '${path.resolve(import.meta.dirname, '../../dist/runtime/index.js')}';
    const bus = await connectBus({ address: process.argv[1], timeoutMs: 5000 });
    await bus.watchName('${NAME}', () => undefined);
    ${end}
    console.log('end');`;

  test.each([
    ['closed', 'await bus.close();'],
    ['unreferenced', 'bus.unref();'],
  ])('ends by itself once its connection is %s', async (_, end) => {
    const node = spawn(
      process.execPath,
      ['--input-type=module', '--eval', script(end), daemon.address],
      { stdio: ['ignore', 'ignore', 'inherit'], timeout: 10_000 },
    );
    expect(await once(node, 'exit')).toEqual([0, null]);
  });
});

describe('connecting', () => {
  test('fails with an error that has the address when nobody is there', async () => {
    await expect(
      connectBus({ address: 'unix:path=/nonexistent/bus', timeoutMs: 5000 }),
    ).rejects.toMatchObject({
      code: 'DBUS_CONNECT_FAILED',
      context: { address: 'unix:path=/nonexistent/bus' },
    });
    await expect(connectBus({ address: 'nonsense', timeoutMs: 5000 })).rejects.toMatchObject({
      code: 'DBUS_CONNECT_FAILED',
    });
  });

  test('takes the first address of a list that works', async () => {
    const address = `unix:path=/nonexistent/bus;${daemon.address}`;
    await using bus = await connectBus({ address, timeoutMs: 5000 });
    expect(bus.uniqueName).toMatch(/^:1\.\d+$/);
  });

  test.each([
    ['says nothing', () => undefined, 'TIMEOUT'],
    ['hangs up', (socket: { end(): void }) => socket.end(), 'DBUS_CONNECT_FAILED'],
    [
      'refuses',
      (socket: { write(text: string): void }) => socket.write('REJECTED EXTERNAL\r\n'.repeat(9)),
      'DBUS_CONNECT_FAILED',
    ],
  ])('ends when the other side %s', async (_, behave, code) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      behave(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    const address = `tcp:host=127.0.0.1,port=${port}`;
    await expect(connectBus({ address, timeoutMs: 300 })).rejects.toMatchObject({ code });
    server.close();
  });

  test('ends when it is aborted', async () => {
    await expect(
      connectBus({ address: daemon.address, timeoutMs: 5000, signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ABORTED' });
  });
});
