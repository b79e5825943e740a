/**
 * The same proof for every language: a program of that language, made of its generated client and its generated
 * server, serves the torture interfaces by asking our TypeScript server for everything. Our TypeScript client asks the
 * program. So each value crosses TypeScript client, foreign server, foreign client and TypeScript server, and back.
 *
 * A relay is started with the address of a bus, the name that it asks and the name that it takes. It serves at the
 * path at which it asks, passes on every method, property and signal of the torture document, the changes of
 * `org.example.Torture.Annotated`, and writes the line `ready`.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, fstatSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { echoHandlers, someValue } from '../backends/typescript/echo-handlers.test-helper.ts';
import * as torture from '../backends/typescript/golden/torture.ts';
import { openDescriptorSocket } from '../descriptors/index.ts';
import type { DbusType } from '../model/dbus-type.ts';
import { parseSignature, parseType } from '../model/signature.ts';
import {
  connectBus,
  DbusError,
  type Bus,
  type Exported,
  type InterfaceDescription,
  type ReceivedSignal,
} from '../runtime/index.ts';
import { buildDescriptorAddon } from './descriptor-addon.test-helper.ts';
import { startPrivateBus, type PrivateBus } from './private-bus.test-helper.ts';
import { temporaryFolder, type TemporaryFolder } from './temporary-folder.test-helper.ts';
import { type Missing, describeWith } from './toolchain.test-helper.ts';

/** A program to start. */
export interface RelayCommand {
  readonly program: string;
  readonly args: readonly string[];
}

/** A language on trial. */
export interface RelayLanguage {
  readonly language: string;
  /** Why it cannot be tried here; undefined when it can. */
  readonly missing: Missing;
  /** Its library passes file descriptors. */
  readonly passesDescriptors: boolean;
  /** Writes, and builds, the relay in an empty folder. */
  readonly prepare: (folder: string) => Promise<RelayCommand>;
}

/** Where the torture objects are, at both names. */
export const RELAY_PATH = '/org/example/torture';
const SOURCE = 'org.example.Source';
const RELAY = 'org.example.Relay';

const TYPES: InterfaceDescription = torture.OrgExampleTortureTypesDescription;
const NAMES: InterfaceDescription = torture.OrgExampleTortureNamesDescription;
const ANNOTATED: InterfaceDescription = torture.OrgExampleTortureAnnotatedDescription;
const SERVED: readonly InterfaceDescription[] = [
  TYPES,
  NAMES,
  torture.OrgExampleTortureDescription,
  torture.OrgExampleTortureTwinDescription,
  torture.OrgExampleTortureOtherTwinDescription,
  ANNOTATED,
  torture.OrgExampleTortureEmptyDescription,
];

/** Another value of each type than `someValue` gives: containers are empty, and variants deep. */
function otherValue(type: DbusType): unknown {
  switch (type.kind) {
    case 'basic':
      return OTHER[type.code];
    case 'variant':
      return {
        signature: 'v',
        value: { signature: 'a(sv)', value: [['x', { signature: 'au', value: [] }]] },
      };
    case 'array':
      return type.element.kind === 'basic' && type.element.code === 'y' ? new Uint8Array([]) : [];
    case 'dict':
      return new Map();
    case 'struct':
      return type.fields.map(otherValue);
  }
}

const OTHER = {
  y: 0,
  b: false,
  n: 32767,
  q: 0,
  i: 2147483647,
  u: 0,
  x: 9223372036854775807n,
  t: 0n,
  d: -1e300,
  s: '',
  o: '/',
  g: '',
  h: 0,
} as const;

class Fixture {
  readonly daemon: PrivateBus;
  readonly server: Bus;
  readonly client: Bus;
  readonly relay: ChildProcess;
  readonly exported: ReadonlyMap<string, Exported<Record<string, readonly unknown[]>, object>>;

  constructor(parts: Pick<Fixture, 'daemon' | 'server' | 'client' | 'relay' | 'exported'>) {
    ({
      daemon: this.daemon,
      server: this.server,
      client: this.client,
      relay: this.relay,
      exported: this.exported,
    } = parts);
  }

  async call(
    one: InterfaceDescription,
    member: string,
    args: readonly unknown[],
  ): Promise<unknown> {
    const method = one.methods[member];
    if (method === undefined) throw new Error(`There is no method ${member}`);
    const target = { destination: RELAY, path: RELAY_PATH, interface: one.name, member, ...method };
    return this.client.call(target, args);
  }

  async standard(
    member: string,
    { owner = 'Properties', input, output }: { owner?: string; input: string; output: string },
    args: readonly unknown[],
  ): Promise<unknown> {
    const target = { destination: RELAY, path: RELAY_PATH, member, input, output };
    const [value] = await this.client.call(
      { ...target, interface: `org.freedesktop.DBus.${owner}` },
      args,
    );
    return value;
  }

  async get(one: InterfaceDescription, name: string): Promise<unknown> {
    return this.standard('Get', { input: 'ss', output: 'v' }, [one.name, name]);
  }

  async set(one: InterfaceDescription, name: string, value: unknown): Promise<void> {
    const signature = one.properties[name]?.type;
    const args = [one.name, name, { signature, value }];
    await this.standard('Set', { input: 'ssv', output: '' }, args);
  }

  async stop(): Promise<void> {
    await this.client.close();
    await this.server.close();
    this.relay.kill('SIGKILL');
    await this.daemon.stop();
  }
}

async function startFixture(
  { program, args }: RelayCommand,
  passesDescriptors: boolean,
): Promise<Fixture> {
  const daemon = await startPrivateBus();
  if (passesDescriptors) buildDescriptorAddon();
  const options = {
    ...{ address: daemon.address, timeoutMs: 20_000 },
    ...(passesDescriptors ? { openSocket: openDescriptorSocket } : {}),
  };
  const server = await connectBus(options);
  const client = await connectBus(options);
  const exported = new Map<string, Exported<Record<string, readonly unknown[]>, object>>();
  for (const one of SERVED) {
    const echo = echoHandlers(one);
    const fail = (name: string, message: string): never => {
      throw new DbusError(name, message);
    };
    const handlers = one === TYPES ? { ...echo, methods: { ...echo.methods, fail } } : echo;
    exported.set(one.name, server.objects.export(RELAY_PATH, one, handlers));
  }
  await server.requestName(SOURCE);
  const relay = spawn(program, [...args, daemon.address, SOURCE, RELAY], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(relay, 'exit').then(([status]: unknown[]) => {
    throw new Error(`The relay ended with ${String(status)}`);
  });
  ended.catch(() => undefined);
  await Promise.race([once(createInterface({ input: relay.stdout }), 'line'), ended]);
  return new Fixture({ daemon, server, client, relay, exported });
}

const STANDARD_ERRORS: readonly (readonly [string, string, (f: Fixture) => Promise<unknown>])[] = [
  [
    'InvalidArgs',
    'arguments of other types',
    async (f) => f.client.call(target('echo_t', 's'), ['x']),
  ],
  [
    'UnknownMethod',
    'a method that there is not',
    async (f) => f.client.call(target('absent', ''), []),
  ],
  ['UnknownProperty', 'a property that there is not', async (f) => f.get(TYPES, 'absent')],
  ['PropertyReadOnly', 'writing what can only be read', async (f) => f.set(NAMES, 'slot_count', 1)],
  [
    'InvalidArgs',
    'a property value of another type',
    async (f) =>
      f.standard('Set', { input: 'ssv', output: '' }, [
        NAMES.name,
        'slot-count',
        { signature: 's', value: '1' },
      ]),
  ],
  ['AccessDenied', 'reading what can only be written', async (f) => f.get(NAMES, 'write-only')],
];

function target(member: string, input: string): Parameters<Bus['call']>[0] {
  const at = { destination: RELAY, path: RELAY_PATH, interface: TYPES.name };
  return { ...at, member, input, output: '' };
}

/** A value of the type with this descriptor wherever there is one. */
function withDescriptor(type: DbusType, fd: number): unknown {
  if (type.kind === 'array') return [withDescriptor(type.element, fd)];
  if (type.kind === 'struct') return type.fields.map((field) => withDescriptor(field, fd));
  return type.kind === 'basic' && type.code === 'h' ? fd : someValue(type);
}

/** The numbers in a value of the torture document that has descriptors; no other numbers stand beside them. */
function descriptorsIn(value: unknown): readonly number[] {
  if (typeof value === 'number') return [value];
  return Array.isArray(value) ? value.flatMap(descriptorsIn) : [];
}

/** Defines the tests of a language. */
export function describeRelay({
  language,
  missing,
  passesDescriptors,
  prepare,
}: RelayLanguage): void {
  describeWith(missing)(`${language} between TypeScript client and server`, () => {
    let folder: TemporaryFolder;
    let f: Fixture;

    beforeAll(async () => {
      if (typeof missing === 'string') throw new Error(missing);
      folder = temporaryFolder();
      f = await startFixture(await prepare(folder.path), passesDescriptors);
    }, 240_000);

    afterAll(async () => {
      await f.stop();
      folder[Symbol.dispose]();
    });

    test.each(SERVED)(
      'passes on every method of $name',
      async (one) => {
        for (const [name, { input, output }] of Object.entries(one.methods)) {
          // Descriptors arrive under other numbers, and `fail` is special: both are below.
          if (input.includes('h') || name === 'fail') continue;
          for (const make of [someValue, otherValue]) {
            const values = parseSignature(input).map(make);
            const results = input === output ? values : parseSignature(output).map(someValue);
            expect([name, await f.call(one, name, values)]).toEqual([name, results]);
          }
        }
      },
      120_000,
    );

    if (passesDescriptors) {
      test('passes on file descriptors', async () => {
        const fd = openSync(import.meta.filename, 'r');
        const echoes = Object.entries(TYPES.methods).filter(([, { input }]) => input.includes('h'));
        expect(echoes.length).toBeGreaterThan(3);
        for (const [name, { input }] of echoes) {
          const values = parseSignature(input).map((type) => withDescriptor(type, fd));
          const [result] = (await f.call(TYPES, name, values)) as unknown[];
          const arrived = descriptorsIn(result);
          expect([name, arrived.length]).toEqual([name, descriptorsIn(values[0]).length]);
          for (const one of arrived) {
            expect(one).not.toBe(fd);
            expect(fstatSync(one).ino).toBe(fstatSync(fd).ino);
            closeSync(one);
          }
        }
        closeSync(fd);
      });
    }

    test('passes on every property, whatever its name', async () => {
      for (const one of SERVED) {
        const all = await f.standard('GetAll', { input: 's', output: 'a{sv}' }, [one.name]);
        const readable = Object.entries(one.properties).filter(
          ([, { access }]) => access !== 'write',
        );
        expect(new Set((all as Map<string, unknown>).keys())).toEqual(
          new Set(readable.map(([name]) => name)),
        );
        for (const [name, { type, access }] of readable) {
          if (access === 'read') continue;
          const value = otherValue(parseType(type));
          await f.set(one, name, value);
          expect([name, await f.get(one, name)]).toEqual([name, { signature: type, value }]);
        }
      }
      await f.set(NAMES, 'write-only', 'x');
    }, 60_000);

    test('passes on errors with name and message', async () => {
      for (const [name, message] of [
        ['org.example.Torture.Error.Jammed', 'grün \u{1f35e}'],
        ['org.example.Undeclared', ''],
      ] as const) {
        await expect(f.call(TYPES, 'fail', [name, message])).rejects.toMatchObject({
          errorName: name,
          message,
        });
      }
    });

    test.each(STANDARD_ERRORS)('answers %s to %s', async (error, _what, act) => {
      await expect(act(f)).rejects.toMatchObject({
        errorName: `org.freedesktop.DBus.Error.${error}`,
      });
    });

    test('passes on signals of every type', async () => {
      for (const one of SERVED) {
        for (const [member, signature] of Object.entries(one.signals)) {
          const rule = { sender: RELAY, path: RELAY_PATH, interface: one.name, member };
          const heard = await f.client.signals(rule);
          for (const make of [someValue, otherValue]) {
            const values = parseSignature(signature).map(make);
            f.exported.get(one.name)?.emit(member, ...values);
            const { value } = (await heard.next()) as { value: ReceivedSignal };
            expect([member, value.signature, value.args]).toEqual([member, signature, values]);
          }
          await heard.return?.();
        }
      }
    });

    test('hears of changed properties, and tells of them as the annotations say', async () => {
      const rule = { sender: RELAY, path: RELAY_PATH, member: 'PropertiesChanged' };
      const heard = await f.client.signals({
        ...rule,
        interface: 'org.freedesktop.DBus.Properties',
      });
      await f.set(ANNOTATED, 'silent', 3);
      await f.set(ANNOTATED, 'announced', 2);
      await f.set(ANNOTATED, 'inherits', 1);
      // Each is told twice: when it is set here, and when the source has told of it.
      const told: unknown[] = [];
      while (told.length < 4)
        told.push(((await heard.next()) as { value: ReceivedSignal }).value.args);
      const announced = new Map([['announced', { signature: 'u', value: 2 }]]);
      expect(told.filter((args) => (args as unknown[][])[2]?.length === 0)).toEqual([
        [ANNOTATED.name, announced, []],
        [ANNOTATED.name, announced, []],
      ]);
      expect(told.filter((args) => (args as unknown[][])[2]?.length !== 0)).toEqual([
        [ANNOTATED.name, new Map(), ['inherits']],
        [ANNOTATED.name, new Map(), ['inherits']],
      ]);
      await heard.return?.();
    });

    test('shows the original document', async () => {
      const options = { owner: 'Introspectable', input: '', output: 's' };
      const text = String(await f.standard('Introspect', options, []));
      for (const { xml } of SERVED) expect(text).toContain(xml);
    });
  });
}
