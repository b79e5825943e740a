/** What a service with a thousand objects needs: shared handlers, objects found when called, and who calls. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { connectBus, type Bus } from './bus.ts';
import type { CallTarget } from './bus-options.ts';
import type { InterfaceDescription } from './describe.ts';
import { DbusError } from './errors.ts';
import type { CallContext } from './server/call-context.ts';
import type { Implementation, Implemented } from './server/implementation.ts';
import type { ReceivedSignal } from './signal-router.ts';

const NAME = 'org.example.Bakery';
const SIDES = ['one', 'two', 'three', 'four', 'five'];

interface Signals {
  readonly baked: readonly [count: number];
}
interface Properties {
  readonly 'p-0': string;
  readonly late: string;
}

/** One of the interfaces of an oven, each with many properties. */
function side(name: string): InterfaceDescription {
  const rows = Array.from({ length: 40 }, (_, index) => `p-${index}`);
  const row = { type: 's', access: 'read', emitsChanged: 'true' } as const;
  return {
    name: `org.example.Oven.${name}`,
    xml: `<interface name="org.example.Oven.${name}"/>`,
    methods: {
      where: { input: '', output: 's' },
      who: { input: '', output: 'uu' },
      refuse: { input: 's', output: '' },
    },
    signals: { baked: 'u' },
    properties: Object.fromEntries([...rows, 'late'].map((key) => [key, row])),
    errors: [],
  };
}

const OVENS = SIDES.map(side);
const [OVEN = side('one')] = OVENS;

const handlers: Implementation = {
  methods: {
    where: ({ path }: CallContext) => path,
    who: async (context: CallContext) => [await context.uid(), await context.pid()],
    refuse: (errorName: string) => {
      throw new DbusError(errorName, 'not today');
    },
  },
  properties: {
    ...Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [
        `p-${index}`,
        { get: ({ path }: CallContext) => `${path}?${index}` },
      ]),
    ),
    late: { get: async ({ sender }: CallContext) => Promise.resolve(sender) },
  },
};

const implemented: Implemented<Signals, Properties> = {
  description: OVEN,
  implementation: handlers,
};

const oven = (index: number): string => `/oven/uuid_${index}`;

function target(path: string, member: string, output = '', input = ''): CallTarget {
  return { destination: NAME, path, interface: OVEN.name, member, input, output };
}

function standard(path: string, owner: string, member: string, output: string): CallTarget {
  const input = owner === 'Properties' ? 's' : '';
  return { ...target(path, member, output, input), interface: `org.freedesktop.DBus.${owner}` };
}

let daemon: PrivateBus;
let server: Bus;
let client: Bus;
const unexpected: unknown[] = [];

beforeAll(async () => {
  daemon = await startPrivateBus();
  const options = { address: daemon.address, timeoutMs: 10_000 };
  server = await connectBus({ ...options, onUnexpected: (error) => void unexpected.push(error) });
  client = await connectBus(options);
  await server.requestName(NAME);
});

afterAll(async () => {
  await client.close();
  await server.close();
  await daemon.stop();
});

describe('a thousand objects with five interfaces each', () => {
  test('come and go in little time and memory, and their handlers know which is meant', async () => {
    const before = process.memoryUsage().heapUsed;
    const startedAt = performance.now();
    const exported = Array.from({ length: 1000 }, (_, index) =>
      OVENS.map((one) => server.objects.export(oven(index), one, handlers)),
    ).flat();
    const exportMs = performance.now() - startedAt;
    const bytesEach = (process.memoryUsage().heapUsed - before) / exported.length;
    expect(await client.call(target(oven(777), 'where', 's'), [])).toEqual([oven(777)]);
    const call = standard('/oven', 'Introspectable', 'Introspect', 's');
    expect(String((await client.call(call, []))[0]).match(/<node name="uuid_/g)).toHaveLength(1000);
    for (const one of exported) one.unexport();
    expect(server.objects.introspect('/oven')).toBeUndefined();
    // Far above what it takes, and far below what looking at all objects for each would take.
    expect(exportMs).toBeLessThan(1000);
    expect(bytesEach).toBeLessThan(4000);
  });

  test('are announced by a manager above them, each with its own values', async () => {
    const manager = server.objects.exportObjectManager('/oven');
    const rule = { sender: NAME, interface: 'org.freedesktop.DBus.ObjectManager' };
    const heard = await client.signals(rule);
    const exported = server.objects.export(oven(1), OVEN, handlers);
    const { value } = (await heard.next()) as { value: ReceivedSignal };
    const [path, interfaces] = value.args as [string, Map<string, Map<string, unknown>>];
    expect(path).toBe(oven(1));
    const values = interfaces.get(OVEN.name);
    expect(values?.get('p-3')).toEqual({ signature: 's', value: `${oven(1)}?3` });
    expect(values?.get('late')).toEqual({ signature: 's', value: server.uniqueName });
    const call = standard('/oven', 'ObjectManager', 'GetManagedObjects', 'a{oa{sa{sv}}}');
    const [managed] = (await client.call(call, [])) as [Map<string, typeof interfaces>];
    expect(managed.get(oven(1))?.get(OVEN.name)?.get('p-3')).toEqual(values?.get('p-3'));
    exported.unexport();
    expect((await heard.next()).value).toMatchObject({ args: [oven(1), [OVEN.name]] });
    // One that goes before its properties are read was never there.
    server.objects.export(oven(2), OVEN, handlers).unexport();
    expect((await heard.next()).value).toMatchObject({ member: 'InterfacesRemoved' });
    manager.unexport();
    await heard.return?.();
  });
});

describe('objects that are found when they are called', () => {
  test('answer like exported ones, and those that are exported go first', async () => {
    const fallback = server.objects.exportFallback('/oven', {
      find: (path) => (/^\/oven\/uuid_\d$/.test(path) ? [implemented] : []),
      children: (path) => (path === '/oven' ? ['uuid_0', 'uuid_1'] : []),
    });
    expect(await client.call(target(oven(5), 'where', 's'), [])).toEqual([oven(5)]);
    const getAll = standard(oven(5), 'Properties', 'GetAll', 'a{sv}');
    const [values] = (await client.call(getAll, [OVEN.name])) as [Map<string, unknown>];
    expect(values.get('p-39')).toEqual({ signature: 's', value: `${oven(5)}?39` });
    expect(values.get('late')).toEqual({ signature: 's', value: client.uniqueName });
    const [xml] = await client.call(standard('/', 'Introspectable', 'Introspect', 's'), []);
    expect(xml).toContain('<node name="oven"/>');
    expect(server.objects.introspect('/oven')).toContain('<node name="uuid_1"/>');
    expect(server.objects.introspect(oven(5))).toContain(OVEN.xml);
    const other = { ...handlers, methods: { ...handlers.methods, where: () => 'here' } };
    const exported = server.objects.export(oven(5), OVEN, other);
    expect(await client.call(target(oven(5), 'where', 's'), [])).toEqual(['here']);
    exported.unexport();
    await expect(client.call(target('/oven/no', 'where', 's'), [])).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.UnknownObject',
    });
    fallback.unexport();
    await expect(client.call(target(oven(5), 'where', 's'), [])).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.UnknownObject',
    });
  });

  test('the nearest root counts, a root has one fallback, and what find throws is the reply', async () => {
    const outer = server.objects.exportFallback('/', { find: () => [implemented] });
    const inner = server.objects.exportFallback('/oven/broken', {
      find: () => {
        throw new DbusError('org.example.Error.Broken', 'cold');
      },
    });
    expect(() => server.objects.exportFallback('/', { find: () => [] })).toThrow(
      /fallback already/,
    );
    expect(await client.call(target('/any/where', 'where', 's'), [])).toEqual(['/any/where']);
    await expect(client.call(target('/oven/broken/1', 'where', 's'), [])).rejects.toMatchObject({
      errorName: 'org.example.Error.Broken',
      message: 'cold',
    });
    inner.unexport();
    outer.unexport();
    expect(server.objects.introspect('/')).toBeUndefined();
  });

  test('send signals and tell of changed properties', async () => {
    const heard = await client.signals({ sender: NAME, path: oven(9) });
    const teller = server.objects.teller(oven(9), implemented);
    teller.emit('baked', 3);
    await teller.changed('p-0', 'late');
    expect((await heard.next()).value).toMatchObject({ interface: OVEN.name, args: [3] });
    expect((await heard.next()).value).toMatchObject({
      member: 'PropertiesChanged',
      args: [
        OVEN.name,
        new Map([
          ['p-0', { signature: 's', value: `${oven(9)}?0` }],
          ['late', { signature: 's', value: server.uniqueName }],
        ]),
        [],
      ],
    });
    await heard.return?.();
  });
});

describe('callers', () => {
  test('are known by user and process', async () => {
    const fallback = server.objects.exportFallback('/', { find: () => [implemented] });
    const call = client.call(target('/x', 'who', 'uu'), []);
    expect(await call).toEqual([process.getuid?.(), process.pid]);
    fallback.unexport();
  });

  test('get an error with the name and the one text that the handler gives', async () => {
    const fallback = server.objects.exportFallback('/', { find: () => [implemented] });
    for (const name of ['org.freedesktop.DBus.Error.Failed', 'org.example.Odd']) {
      const call = client.call(target('/x', 'refuse', '', 's'), [name]);
      await expect(call).rejects.toMatchObject({ errorName: name, message: 'not today' });
    }
    // A name that cannot be sent is the handler's mistake, and no reason to leave the caller without an answer.
    await expect(client.call(target('/x', 'refuse', '', 's'), ['no name'])).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.Failed',
    });
    expect(unexpected).toMatchObject([{ code: 'DBUS_BAD_NAME' }]);
    fallback.unexport();
  });
});
