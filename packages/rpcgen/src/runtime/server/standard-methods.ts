/** What every object answers: Peer, Introspectable, Properties, and ObjectManager where it was asked for. */
import { readFile } from 'node:fs/promises';
import { DbusError, STANDARD_ERROR } from '../errors.ts';
import type { Variant } from '../values.ts';
import { bodyCodec } from '../wire/body-codec.ts';
import type { CallContext } from './call-context.ts';
import type { ExportedInterface, ExportedMethod } from './exported-interface.ts';
import type { ServedObject } from './object-tree.ts';
import { STANDARD_INTERFACE } from './standard-interfaces.ts';

/** What the standard methods need of the tree. */
export interface StandardPort {
  readonly findObject: (path: string) => ServedObject | undefined;
  readonly introspect: (path: string) => string | undefined;
  readonly managedBelow: (context: CallContext) => Promise<unknown>;
  readonly announceChange: (
    path: string,
    owner: ExportedInterface,
    names: readonly string[],
  ) => Promise<void>;
}

type Handle = (args: readonly unknown[], context: CallContext) => unknown;

/** See the module comment. */
export class StandardMethods {
  readonly #port: StandardPort;
  readonly #methods: ReadonlyMap<string, ExportedMethod>;

  constructor(port: StandardPort) {
    this.#port = port;
    const { peer, introspectable, properties, objectManager } = STANDARD_INTERFACE;
    const rows: readonly (readonly [string, string, string, string, Handle])[] = [
      [peer, 'Ping', '', '', () => undefined],
      [peer, 'GetMachineId', '', 's', machineId],
      [introspectable, 'Introspect', '', 's', (_, context) => this.#introspect(context)],
      [properties, 'Get', 'ss', 'v', (args, context) => this.#get(args, context)],
      [properties, 'GetAll', 's', 'a{sv}', (args, context) => this.#getAll(args, context)],
      [properties, 'Set', 'ssv', '', (args, context) => this.#set(args, context)],
      [
        objectManager,
        'GetManagedObjects',
        '',
        'a{oa{sa{sv}}}',
        (_, context) => this.#port.managedBelow(context),
      ],
    ];
    this.#methods = new Map(
      rows.map(([owner, name, input, output, handle]) => [
        `${owner} ${name}`,
        {
          name,
          input: bodyCodec(input),
          output: bodyCodec(output),
          handle,
        },
      ]),
    );
  }

  /** Gives a standard method that this object has; `object` is undefined where there is none. */
  find(
    owner: string,
    member: string,
    object: ServedObject | undefined,
  ): ExportedMethod | undefined {
    if (owner === STANDARD_INTERFACE.properties && object === undefined) return undefined;
    if (owner === STANDARD_INTERFACE.objectManager && object?.isManager !== true) return undefined;
    return this.#methods.get(`${owner} ${member}`);
  }

  #introspect({ path }: CallContext): string {
    const xml = this.#port.introspect(path);
    if (xml !== undefined) return xml;
    throw new DbusError(STANDARD_ERROR.unknownObject, `There is no object at ${path}`);
  }

  async #get([owner, name]: readonly unknown[], context: CallContext): Promise<Variant> {
    return this.#ownerOf(owner, name, context).get(String(name), context);
  }

  async #getAll([owner]: readonly unknown[], context: CallContext): Promise<unknown> {
    if (owner !== '') return this.#interfaceOf(owner, context).getAll(context);
    const all = new Map<string, Variant>();
    for (const served of this.#interfaces(context).values()) {
      for (const [name, value] of await served.getAll(context)) all.set(name, value);
    }
    return all;
  }

  async #set([owner, name, value]: readonly unknown[], context: CallContext): Promise<void> {
    const served = this.#ownerOf(owner, name, context);
    await served.set(String(name), value as Variant, context);
    if (!served.isSetTold) return;
    await this.#port.announceChange(context.path, served, [String(name)]);
  }

  /** The interface that is meant; the specification lets callers leave it empty. */
  #ownerOf(owner: unknown, name: unknown, context: CallContext): ExportedInterface {
    if (owner !== '') return this.#interfaceOf(owner, context);
    for (const served of this.#interfaces(context).values()) {
      if (served.findProperty(String(name)) !== undefined) return served;
    }
    throw new DbusError(
      STANDARD_ERROR.unknownProperty,
      `The object has no property "${String(name)}"`,
    );
  }

  #interfaceOf(owner: unknown, context: CallContext): ExportedInterface {
    const served = this.#interfaces(context).get(String(owner));
    if (served !== undefined) return served;
    throw new DbusError(
      STANDARD_ERROR.unknownInterface,
      `The object has no interface "${String(owner)}" with properties`,
    );
  }

  #interfaces({ path }: CallContext): ReadonlyMap<string, ExportedInterface> {
    return this.#port.findObject(path)?.interfaces ?? new Map<string, ExportedInterface>();
  }
}

async function machineId(): Promise<string> {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    const text = await readFile(file, 'utf8').catch(() => '');
    if (/^[0-9a-f]{32}\s*$/.test(text)) return text.trim();
  }
  throw new DbusError(STANDARD_ERROR.failed, 'This machine has no id');
}
