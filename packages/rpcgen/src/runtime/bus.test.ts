import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { connectBus, type Bus } from './bus.ts';
import type { CallTarget } from './bus-options.ts';
import type { InterfaceDescription } from './describe.ts';
import { DbusError } from './errors.ts';
import type { Exported } from './server/object-tree.ts';

const TOASTER: InterfaceDescription = {
  name: 'org.example.Toaster',
  xml: '<interface name="org.example.Toaster"/>',
  methods: {
    echo: { input: 's', output: 's' },
    both: { input: 'sx', output: 'xs' },
    fail: { input: '', output: '' },
    crash: { input: '', output: '' },
    lie: { input: '', output: 'u' },
    hang: { input: '', output: '' },
    whoami: { input: '', output: 'us' },
    tell: { input: 's', output: '', noReply: true },
    descriptor: { input: 'h', output: 'h' },
  },
  signals: { toast_done: 'ts' },
  properties: {
    'slot-count': { type: 'u', access: 'readwrite', emitsChanged: 'true' },
    'serial.number': { type: 's', access: 'read', emitsChanged: 'const' },
    secret: { type: 's', access: 'write', emitsChanged: 'false' },
    heat: { type: 'd', access: 'readwrite', emitsChanged: 'invalidates' },
  },
  errors: [],
};

interface ToasterSignals {
  readonly toast_done: readonly [job: bigint, level: string];
}
interface ToasterProperties {
  readonly 'slot-count': number;
  readonly 'serial.number': string;
  readonly secret: string;
  readonly heat: number;
}

const PATH = '/org/example/toaster';
const NAME = 'org.example.Toaster';

function target(member: string, input = '', output = ''): CallTarget {
  return { destination: NAME, path: PATH, interface: TOASTER.name, member, input, output };
}

function properties(member: string, input: string, output: string): CallTarget {
  return { ...target(member, input, output), interface: 'org.freedesktop.DBus.Properties' };
}

describe('two programs on a bus', () => {
  let daemon: PrivateBus;
  let server: Bus;
  let client: Bus;
  let toaster: Exported<ToasterSignals, ToasterProperties>;
  const unexpected: unknown[] = [];
  const told: string[] = [];

  beforeAll(async () => {
    daemon = await startPrivateBus();
    const { address } = daemon;
    const onUnexpected = (error: unknown): void => void unexpected.push(error);
    server = await connectBus({ address, timeoutMs: 5000, onUnexpected });
    client = await connectBus({ address, timeoutMs: 5000, onUnexpected });
    let slots = 2;
    let heat = 0.5;
    toaster = server.objects.export<ToasterSignals, ToasterProperties>(PATH, TOASTER, {
      methods: {
        echo: (text: string) => text,
        both: async (text: string, number: bigint) => [number, text],
        fail: () => {
          throw new DbusError('org.example.Error.Jammed', 'a slice is stuck');
        },
        crash: () => {
          throw new TypeError('oops');
        },
        lie: () => 'no number',
        hang: () => new Promise(() => undefined),
        whoami: async (context: { sender: string; uid(): Promise<number> }) => [
          await context.uid(),
          context.sender,
        ],
        tell: (text: string) => void told.push(text),
        descriptor: () => 0,
      },
      properties: {
        'slot-count': { get: () => slots, set: (value: number) => void (slots = value) },
        'serial.number': { get: () => 'T-1' },
        secret: { set: () => undefined },
        heat: { get: () => heat, set: (value: number) => void (heat = value) },
      },
    });
    expect(await server.requestName(NAME)).toBe('owner');
  });

  afterAll(async () => {
    await client.close();
    await server.close();
    await daemon.stop();
  });

  test('a call gives the values of its reply', async () => {
    expect(await client.call(target('echo', 's', 's'), ['grüezi \u{1f35e}'])).toEqual([
      'grüezi \u{1f35e}',
    ]);
    expect(await client.call(target('both', 'sx', 'xs'), ['a', -5n])).toEqual([-5n, 'a']);
  });

  test('an error of the handler arrives with its name and text', async () => {
    await expect(client.call(target('fail'), [])).rejects.toMatchObject({
      errorName: 'org.example.Error.Jammed',
      message: 'a slice is stuck',
    });
  });

  test('what a handler throws unexpectedly is reported here and answered as Failed', async () => {
    await expect(client.call(target('crash'), [])).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.Failed',
    });
    await expect(client.call(target('lie', '', 'u'), [])).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.Failed',
    });
    expect(unexpected).toHaveLength(2);
    expect(unexpected).toMatchObject([
      { message: 'oops' },
      { code: 'DBUS_BAD_VALUE', context: { path: 'args[0]' } },
    ]);
  });

  test('standard errors are those of sd-bus', async () => {
    const errorName = (name: string): unknown =>
      expect.objectContaining({ errorName: `org.freedesktop.DBus.Error.${name}` });
    const wrong: readonly (readonly [CallTarget, readonly unknown[], string])[] = [
      [target('echo', 'u', 's'), [1], 'InvalidArgs'],
      [target('missing'), [], 'UnknownMethod'],
      [target('constructor'), [], 'UnknownMethod'],
      [{ ...target('echo', 's', 's'), path: '/elsewhere' }, ['a'], 'UnknownObject'],
      [{ ...target('echo', 's', 's'), interface: 'org.example.Other' }, ['a'], 'UnknownMethod'],
      [properties('Get', 'ss', 'v'), [NAME, 'missing'], 'UnknownProperty'],
      [properties('Get', 'ss', 'v'), [NAME, 'constructor'], 'UnknownProperty'],
      [properties('Get', 'ss', 'v'), ['org.example.Other', 'heat'], 'UnknownInterface'],
      [properties('Get', 'ss', 'v'), [NAME, 'secret'], 'AccessDenied'],
      [
        properties('Set', 'ssv', ''),
        [NAME, 'serial.number', { signature: 's', value: '' }],
        'PropertyReadOnly',
      ],
      [
        properties('Set', 'ssv', ''),
        [NAME, 'slot-count', { signature: 'i', value: 1 }],
        'InvalidArgs',
      ],
    ];
    for (const [call, args, name] of wrong) {
      await expect(client.call(call, args)).rejects.toEqual(errorName(name));
    }
  });

  test('a value that does not fit is refused before anything is sent, with its path', async () => {
    await expect(
      client.call(target('echo', 'a{sv}', 's'), [
        new Map([['key', { signature: 'as', value: ['a', 1] }]]),
      ]),
    ).rejects.toMatchObject({
      code: 'DBUS_BAD_VALUE',
      context: { path: 'args[0].key.value[1]' },
    });
  });

  test('a reply of another signature than promised is no result', async () => {
    await expect(client.call(target('echo', 's', 'u'), ['a'])).rejects.toMatchObject({
      code: 'DBUS_UNEXPECTED_SIGNATURE',
    });
  });

  test('a call ends at its time-out and when it is aborted, and leaves nothing behind', async () => {
    await expect(client.call(target('hang'), [], { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
    const controller = new AbortController();
    const call = client.call(target('hang'), [], { signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(
      client.call(target('hang'), [], { signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ code: 'ABORTED' });
    expect(client.pendingCallCount).toBe(0);
  });

  test('a handler learns who calls', async () => {
    expect(await client.call(target('whoami', '', 'us'), [])).toEqual([
      process.getuid?.(),
      client.uniqueName,
    ]);
  });

  test('a method without reply returns at once, and is still called', async () => {
    await client.call({ ...target('tell', 's'), noReply: true }, ['something']);
    await client.call(target('echo', 's', 's'), ['after']);
    expect(told).toEqual(['something']);
  });

  test('a descriptor is refused with an error that says why', async () => {
    await expect(client.call(target('descriptor', 'h', 'h'), [0])).rejects.toMatchObject({
      code: 'DBUS_NO_DESCRIPTORS',
    });
  });

  test('property names with dashes and dots work, and changes are announced as annotated', async () => {
    const changes: unknown[] = [];
    const rule = { sender: NAME, path: PATH, member: 'PropertiesChanged' };
    using _watch = await client.subscribe(rule, ({ args }) => void changes.push(args));
    const set = properties('Set', 'ssv', '');
    await client.call(set, [NAME, 'slot-count', { signature: 'u', value: 4 }]);
    await client.call(set, [NAME, 'heat', { signature: 'd', value: 1.5 }]);
    await client.call(set, [NAME, 'secret', { signature: 's', value: 'x' }]);
    expect(await client.call(properties('GetAll', 's', 'a{sv}'), [NAME])).toEqual([
      new Map<string, unknown>([
        ['slot-count', { signature: 'u', value: 4 }],
        ['serial.number', { signature: 's', value: 'T-1' }],
        ['heat', { signature: 'd', value: 1.5 }],
      ]),
    ]);
    expect(changes).toEqual([
      [NAME, new Map([['slot-count', { signature: 'u', value: 4 }]]), []],
      [NAME, new Map(), ['heat']],
    ]);
  });

  test('signals reach a call-back and an iterable, from the named sender only', async () => {
    const heard: unknown[] = [];
    const rule = { sender: NAME, path: PATH, interface: NAME, member: 'toast_done' };
    using _on = await client.subscribe(rule, ({ args }) => void heard.push(args));
    const stop = new AbortController();
    const stream = await client.signals(rule, { signal: stop.signal });
    await using stranger = await connectBus({ address: daemon.address, timeoutMs: 5000 });
    stranger.objects
      .export<ToasterSignals, ToasterProperties>(PATH, { ...TOASTER, methods: {} }, {})
      .emit('toast_done', 666n, 'burnt');
    await stranger.findNameOwner(NAME);
    toaster.emit('toast_done', 7n, 'crisp');
    expect((await stream.next()).value).toMatchObject({ args: [7n, 'crisp'] });
    expect(heard).toEqual([[7n, 'crisp']]);
    stop.abort();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  test('a name that is taken is refused, and freed names can be had', async () => {
    await expect(client.requestName(NAME)).rejects.toMatchObject({ code: 'DBUS_NAME_TAKEN' });
    await client.requestName('org.example.Free');
    await client.releaseName('org.example.Free');
    expect(await client.findNameOwner('org.example.Free')).toBeUndefined();
  });

  test('objects come and go, and the manager above them tells', async () => {
    const manager = server.objects.exportObjectManager('/org/example');
    const events: unknown[] = [];
    using _watch = await client.subscribe(
      { sender: NAME, interface: 'org.freedesktop.DBus.ObjectManager' },
      ({ member, args }) => void events.push([member, args[0]]),
    );
    const slot = { ...TOASTER, name: 'org.example.Slot', methods: {}, properties: {} };
    const exported = server.objects.export('/org/example/slot1', slot, {});
    const call: CallTarget = {
      destination: NAME,
      path: '/org/example',
      interface: 'org.freedesktop.DBus.ObjectManager',
      member: 'GetManagedObjects',
      input: '',
      output: 'a{oa{sa{sv}}}',
    };
    const [before] = await client.call(call, []);
    expect([...(before as Map<string, unknown>).keys()]).toEqual([PATH, '/org/example/slot1']);
    exported.unexport();
    exported.unexport();
    const [after] = await client.call(call, []);
    expect([...(after as Map<string, unknown>).keys()]).toEqual([PATH]);
    expect(events).toEqual([
      ['InterfacesAdded', '/org/example/slot1'],
      ['InterfacesRemoved', '/org/example/slot1'],
    ]);
    manager.unexport();
    await expect(client.call(call, [])).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.UnknownObject',
    });
  });
});
