/** Generated code on a real bus, its client against its server: all types, errors, signals, properties. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parseSignature } from '../../model/signature.ts';
import {
  connectBus,
  DbusError,
  objectPath,
  signature,
  variant,
  type Bus,
  type InterfaceDescription,
} from '../../runtime/index.ts';
import { startPrivateBus, type PrivateBus } from '../../testing/private-bus.test-helper.ts';
import * as javascript from '../javascript/golden/torture.js';
import { echoHandlers, someValues } from './echo-handlers.test-helper.ts';
import * as typescript from './golden/torture.ts';

const NAME = 'org.example.Torture';
const PATH = '/org/example/torture';
const target = { destination: NAME, path: PATH };

type Invoke = (...args: readonly unknown[]) => Promise<unknown>;

/** A method of a client by its name in the description. */
function methodOf(client: object, name: string): Invoke {
  const own = [
    'constructor',
    'toString',
    'hasOwnProperty',
    '__proto__',
    'then',
    'properties',
    'signals',
  ];
  const key = own.includes(name) || name === 'prototype' ? `${name}_` : name;
  const method: unknown = Reflect.get(client, key);
  if (typeof method !== 'function') throw new Error(`The client has no method ${key}`);
  return async (...args) => method.apply(client, args) as unknown;
}

describe.each([
  ['TypeScript', typescript],
  ['JavaScript', javascript],
] as const)('%s', (_, generated) => {
  let daemon: PrivateBus;
  let server: Bus;
  let client: Bus;
  const unexpected: unknown[] = [];

  const descriptions: readonly InterfaceDescription[] = [
    generated.OrgExampleTortureTypesDescription,
    generated.OrgExampleTortureNamesDescription,
    generated.OrgExampleTortureTwinDescription,
    generated.OrgExampleTortureOtherTwinDescription,
    generated.OrgExampleTortureAnnotatedDescription,
    generated.OrgExampleTortureEmptyDescription,
  ];

  beforeAll(async () => {
    daemon = await startPrivateBus();
    const options = {
      address: daemon.address,
      timeoutMs: 5000,
      onUnexpected: (error: unknown) => void unexpected.push(error),
    };
    server = await connectBus(options);
    client = await connectBus(options);
    for (const one of descriptions) server.objects.export(PATH, one, echoHandlers(one));
    await server.requestName(NAME);
  });

  afterAll(async () => {
    await client.close();
    await server.close();
    await daemon.stop();
    expect(unexpected).toEqual([]);
  });

  test.each([
    ['Types', generated.OrgExampleTortureTypesClient, generated.OrgExampleTortureTypesDescription],
    ['Names', generated.OrgExampleTortureNamesClient, generated.OrgExampleTortureNamesDescription],
  ] as const)('every method of %s can be called', async (_interface, Client, description) => {
    const proxy = new Client(client, target);
    for (const [name, { input, output }] of Object.entries(description.methods)) {
      const result = methodOf(proxy, name)(...someValues(input));
      if (input.includes('h')) {
        await expect(result).rejects.toMatchObject({ code: 'DBUS_NO_DESCRIPTORS' });
        continue;
      }
      const values = input === output ? someValues(input) : someValues(output);
      const expected = parseSignature(output).length === 1 ? values[0] : values;
      expect([name, await result]).toEqual([name, output === '' ? undefined : expected]);
    }
  });

  test('every property can be read and written, whatever its name', async () => {
    const types = new generated.OrgExampleTortureTypesClient(client, target);
    const names = new generated.OrgExampleTortureNamesClient(client, target);
    await types.properties.set('prop-t', 1n);
    await types.properties.set('prop-o', objectPath('/x'));
    await types.properties.set('prop-g', signature('(ii)'));
    await types.properties.set('prop-v', variant('v', variant('ad', [1.5])));
    const all = await types.properties.getAll();
    expect(Object.keys(all)).toEqual(
      Object.keys(generated.OrgExampleTortureTypesDescription.properties),
    );
    expect(all).toMatchObject({
      'prop-t': 1n,
      'prop-o': '/x',
      'prop-g': '(ii)',
      'prop-v': { signature: 'v', value: { signature: 'ad', value: [1.5] } },
    });
    await names.properties.set('slot-count', 7);
    expect(await names.properties.get('slot-count')).toBe(7);
    expect(await names.properties.get('slot_count')).toBe(4294967295);
    expect(await names.properties.get('slot.count')).toBe(4294967295);
    expect(await names.properties.get('constructor')).toBe('grüezi \u{1f35e}');
    await names.properties.set('write-only', 'x');
    expect(Object.keys(await names.properties.getAll())).not.toContain('write-only');
  });

  test('changes are announced as the annotations say, inherited ones included', async () => {
    const annotated = new generated.OrgExampleTortureAnnotatedClient(client, target);
    const changes: unknown[] = [];
    using _watch = await annotated.properties.onChanged((change) => void changes.push(change));
    await annotated.properties.set('inherits', 1);
    await annotated.properties.set('announced', 2);
    await annotated.properties.set('silent', 3);
    await annotated.properties.get('constant');
    expect(changes).toEqual([
      { changed: {}, invalidated: ['inherits'] },
      { changed: { announced: 2 }, invalidated: [] },
    ]);
  });

  test('twins with the same member names are kept apart', async () => {
    const twin = new generated.OrgExampleTortureTwinClient(client, target);
    const other = new generated.OrgExampleTortureOtherTwinClient(client, target);
    expect(await twin.toast(1)).toBe(1);
    expect(await other.toast('1')).toBe('1');
    expect(await twin.properties.get('slot-count')).toBe(-2147483648);
    expect(await other.properties.get('slot-count')).toBe('grüezi \u{1f35e}');
  });

  test('a server written by hand: enumerations, context, errors, signals', async () => {
    let doneness: string = generated.DONENESS.RARE;
    const seen: unknown[] = [];
    const torture = generated.exportOrgExampleTorture(server, `${PATH}/one`, {
      methods: {
        toast: (level, heat, slots, context) => {
          if (level === generated.DONENESS.RAW)
            throw new DbusError('org.example.Error.Raw', 'raw!');
          seen.push([level, heat, slots, context.sender === client.uniqueName]);
          return [12n, generated.DONENESS.RARE];
        },
      },
      properties: {
        doneness: { get: () => 'rare', set: (value) => void (doneness = value) },
        slots: { get: () => 3 },
      },
    });
    const proxy = new generated.OrgExampleTortureClient(client, { ...target, path: `${PATH}/one` });
    expect(await proxy.toast('rare', generated.Level.Hot, 3)).toEqual([12n, 'rare']);
    expect(seen).toEqual([['rare', 2147483647, 3, true]]);
    await expect(proxy.toast('', generated.Level.Cold, 0)).rejects.toMatchObject({
      errorName: 'org.example.Error.Raw',
      message: 'raw!',
    });
    await proxy.properties.set('doneness', 'a value from the future');
    expect(doneness).toBe('a value from the future');
    await expect(proxy.toast('rare', 1.5 as never, 3)).rejects.toMatchObject({
      code: 'DBUS_BAD_VALUE',
      context: { path: 'args[1]' },
    });
    torture.unexport();
    await expect(proxy.toast('rare', 2147483647, 3)).rejects.toMatchObject({
      errorName: 'org.freedesktop.DBus.Error.UnknownObject',
    });
  });

  test('signals of every type arrive, as call-back and one after the other', async () => {
    const description = generated.OrgExampleTortureTypesDescription;
    const path = `${PATH}/signals`;
    const exported = server.objects.export<typescript.OrgExampleTortureTypesSignals, object>(
      path,
      description,
      echoHandlers(description),
    );
    const emit = exported.emit.bind(exported) as (name: string, ...args: unknown[]) => void;
    const proxy = new generated.OrgExampleTortureTypesClient(client, { ...target, path });
    const heard: unknown[] = [];
    using _on = await proxy.signals.on(
      'everything',
      (...args: readonly unknown[]) => void heard.push(args),
    );
    const nested = await proxy.signals.stream('nested');
    const everything = someValues(description.signals['everything'] ?? '');
    const managed = someValues(description.signals['nested'] ?? '');
    for (let round = 0; round < 2; round++) {
      emit('everything', ...everything);
      emit('nested', ...managed);
      expect((await nested.next()).value).toEqual(managed);
    }
    expect(heard).toEqual([everything, everything]);
    await nested.return?.();
    exported.unexport();
  });
});
