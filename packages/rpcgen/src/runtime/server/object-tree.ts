/**
 * The objects that we serve: paths, interfaces at them, and the way from a call to a reply. A handler that answers
 * at once is answered in the same tick, so that replies to calls that came together leave together.
 */
import type { Outgoing } from '../connection.ts';
import type { InterfaceDescription } from '../describe.ts';
import { BusError, DbusError, STANDARD_ERROR } from '../errors.ts';
import { objectPath } from '../values.ts';
import { bodyCodec, type BodyCodec } from '../wire/body-codec.ts';
import { BoundedCache } from '../wire/bounded-cache.ts';
import { isBelow } from '../wire/match-rule.ts';
import {
  MESSAGE_FLAG,
  MESSAGE_TYPE,
  renderHeader,
  type HeaderTemplate,
  type IncomingMessage,
} from '../wire/message.ts';
import { CallContext, type DriverCall } from './call-context.ts';
import { ExportedInterface, type ExportedMethod } from './exported-interface.ts';
import type { Implementation } from './implementation.ts';
import { renderIntrospection } from './introspection.ts';
import { StandardMethods } from './standard-methods.ts';
import { STANDARD_INTERFACE } from './standard-interfaces.ts';

/** What the tree needs of the bus. */
export interface TreePort {
  /** Sends a reply; one that cannot be sent any more is dropped. */
  readonly send: (message: Outgoing, replySerial: number) => void;
  /** Sends a signal. Throws `DBUS_CLOSED`. */
  readonly emit: (message: Outgoing) => void;
  readonly callDriver: DriverCall;
  /** Takes an error of a handler that is no DbusError. */
  readonly report: (error: unknown) => void;
  readonly mapError: (error: unknown) => DbusError | undefined;
}

/** What stands at one path. */
export interface ServedObject {
  readonly interfaces: ReadonlyMap<string, ExportedInterface>;
  readonly isManager: boolean;
}

interface MutableObject {
  readonly interfaces: Map<string, ExportedInterface>;
  isManager: boolean;
}

/** An interface that is being served. `S` maps each signal to its arguments, `P` each property to its type. */
export interface Exported<S, P> {
  /** Sends a signal. Throws BusError `DBUS_BAD_VALUE`, `DBUS_CLOSED`, `DBUS_LIMIT`. */
  emit<Name extends keyof S & string>(
    name: Name,
    ...args: S[Name] extends readonly unknown[] ? S[Name] : never
  ): void;
  /**
   * Tells that properties have new values: reads them and sends PropertiesChanged as each one's annotation says.
   * Properties that never announce changes, or cannot be read, are passed over.
   */
  changed(...names: readonly (keyof P & string)[]): Promise<void>;
  /** Stops serving. Harmless the second time. */
  unexport(): void;
}

/** See the module comment. */
export class ObjectTree {
  readonly #port: TreePort;
  readonly #objects = new Map<string, MutableObject>();
  readonly #standard: StandardMethods;
  readonly #replies = new BoundedCache(replyTemplate);

  constructor(port: TreePort) {
    this.#port = port;
    this.#standard = new StandardMethods({
      findObject: (path) => this.#objects.get(path),
      introspect: (path) => this.introspect(path),
      managedBelow: (path) => this.#managedBelow(path),
      announceChange: (path, owner, names) => this.#announceChange(path, owner, names),
    });
  }

  /**
   * Serves an interface at a path. Throws BusError `DBUS_BAD_NAME` for a bad path, `DBUS_ALREADY_EXPORTED`, and
   * `DBUS_BAD_VALUE` for an implementation that lacks a method.
   */
  export<S, P>(
    path: string,
    description: InterfaceDescription,
    implementation: Implementation,
  ): Exported<S, P> {
    objectPath(path);
    const served = new ExportedInterface(description, implementation);
    const { name } = description;
    const object = this.#objectAt(path);
    if (object.interfaces.has(name)) {
      throw new BusError('DBUS_ALREADY_EXPORTED', {
        message: 'The object has that interface already',
        context: { path, interface: name },
      });
    }
    object.interfaces.set(name, served);
    this.#announceObject('InterfacesAdded', path, served);
    return {
      emit: (member, ...args) => this.#emit(path, served, member, args),
      changed: (...names) => this.#announceChange(path, served, names),
      unexport: () => {
        if (object.interfaces.get(name) !== served) return;
        object.interfaces.delete(name);
        this.#announceObject('InterfacesRemoved', path, served);
        this.#dropEmpty(path, object);
      },
    };
  }

  /** Makes the path an ObjectManager for everything below it. Throws BusError `DBUS_BAD_NAME`. */
  exportObjectManager(path: string): { unexport(): void } {
    objectPath(path);
    const object = this.#objectAt(path);
    object.isManager = true;
    return {
      unexport: () => {
        object.isManager = false;
        this.#dropEmpty(path, object);
      },
    };
  }

  /** The introspection document of a path; undefined when nothing is there or below. */
  introspect(path: string): string | undefined {
    const object = this.#objects.get(path);
    const children = this.#childrenOf(path);
    if (object === undefined && children.length === 0) return undefined;
    const interfaces = [...(object?.interfaces.values() ?? [])];
    return renderIntrospection({
      interfaces: interfaces.map(({ description }) => description.xml),
      isObject: object !== undefined,
      isManager: object?.isManager === true,
      children,
    });
  }

  /** Answers a call. Throws only BusError `DBUS_PROTOCOL`, for a body that is not what the header says. */
  handleCall(message: IncomingMessage): void {
    const found = this.#findMethod(message);
    if (found instanceof DbusError) {
      this.#sendError(message, found);
      return;
    }
    const { method, owner } = found;
    if (message.signature !== method.input.signature) {
      const wanted = `The arguments of ${message.member} are "${method.input.signature}"`;
      this.#sendError(message, new DbusError(STANDARD_ERROR.invalidArgs, wanted));
      return;
    }
    const context = new CallContext(message, owner, this.#port.callDriver);
    this.#run(message, method, () => method.handle(method.input.read(message.reader), context));
  }

  #run(message: IncomingMessage, method: ExportedMethod, act: () => unknown): void {
    try {
      const result = act();
      if (result instanceof Promise) {
        result.then(
          (value: unknown) => this.#sendReply(message, method, value),
          (error: unknown) => this.#sendError(message, error),
        );
      } else {
        this.#sendReply(message, method, result);
      }
    } catch (error) {
      if (error instanceof BusError && error.code === 'DBUS_PROTOCOL') throw error;
      this.#sendError(message, error);
    }
  }

  #sendReply(
    message: IncomingMessage,
    { output, outputCount }: ExportedMethod,
    result: unknown,
  ): void {
    if ((message.flags & MESSAGE_FLAG.noReply) !== 0) return;
    const values = outputCount === 1 ? [result] : Array.isArray(result) ? result : [];
    const template = this.#replies.get(`${message.sender} ${output.signature}`);
    try {
      this.#send({ template, codec: output, values }, message.serial);
    } catch (error) {
      this.#sendError(message, error);
    }
  }

  #sendError(message: IncomingMessage, error: unknown): void {
    const reply = this.#toReply(error);
    if ((message.flags & MESSAGE_FLAG.noReply) !== 0) return;
    try {
      const template = renderHeader(MESSAGE_TYPE.error, {
        errorName: reply.errorName,
        destination: message.sender,
        signature: 's',
      });
      const text = reply.message.replace(/[\0\p{Surrogate}]/gu, '\ufffd');
      this.#send({ template, codec: STRING_BODY, values: [text] }, message.serial);
    } catch (failure) {
      this.#port.report(failure);
    }
  }

  #send(message: Outgoing, replySerial: number): void {
    this.#port.send(message, replySerial);
  }

  #toReply(error: unknown): DbusError {
    if (error instanceof DbusError) return error;
    const mapped = this.#port.mapError(error);
    if (mapped !== undefined) return mapped;
    this.#port.report(error);
    const text = error instanceof Error ? error.message : 'The service failed';
    return new DbusError(STANDARD_ERROR.failed, text);
  }

  #findMethod(
    message: IncomingMessage,
  ): { readonly method: ExportedMethod; readonly owner: string } | DbusError {
    const { path, interface: wanted, member } = message;
    const object = this.#objects.get(path);
    const method = object?.interfaces.get(wanted)?.methods.get(member);
    if (method !== undefined) return { method, owner: wanted };
    const standard = this.#standard.find(wanted, member, object);
    if (standard !== undefined) return { method: standard, owner: wanted };
    if (object === undefined) {
      return new DbusError(STANDARD_ERROR.unknownObject, `There is no object at ${path}`);
    }
    for (const [owner, { methods }] of wanted === '' ? object.interfaces : []) {
      const one = methods.get(member);
      if (one !== undefined) return { method: one, owner };
    }
    return new DbusError(
      STANDARD_ERROR.unknownMethod,
      `The object has no method ${wanted === '' ? '' : `${wanted}.`}${member}`,
    );
  }

  #emit(path: string, served: ExportedInterface, member: string, args: readonly unknown[]): void {
    const { name, signals } = served.description;
    this.#emitSignal({ path, interface: name, member }, signals[member] ?? '', args);
  }

  #emitSignal(
    header: { readonly path: string; readonly interface: string; readonly member: string },
    signature: string,
    values: readonly unknown[],
  ): void {
    const key = [header.path, header.interface, header.member, signature].join(' ');
    this.#port.emit({ template: SIGNALS.get(key), codec: bodyCodec(signature), values });
  }

  async #announceChange(
    path: string,
    served: ExportedInterface,
    names: readonly string[],
  ): Promise<void> {
    const changed = new Map<string, unknown>();
    const invalidated: string[] = [];
    for (const name of names) {
      const about = served.findProperty(name)?.about;
      if (about === undefined || about.access === 'write') continue;
      if (about.emitsChanged === 'invalidates') invalidated.push(name);
      else if (about.emitsChanged === 'true') changed.set(name, await served.get(name));
    }
    if (changed.size === 0 && invalidated.length === 0) return;
    const header = {
      path,
      interface: STANDARD_INTERFACE.properties,
      member: 'PropertiesChanged',
    };
    this.#emitSignal(header, 'sa{sv}as', [served.description.name, changed, invalidated]);
  }

  #announceObject(
    member: 'InterfacesAdded' | 'InterfacesRemoved',
    path: string,
    served: ExportedInterface,
  ): void {
    const managers = [...this.#objects].filter(
      ([root, { isManager }]) => isManager && root !== path && isBelow(path, root),
    );
    const announce = async (): Promise<void> => {
      const { name } = served.description;
      const signature = member === 'InterfacesAdded' ? 'oa{sa{sv}}' : 'oas';
      const what = member === 'InterfacesAdded' ? new Map([[name, await served.getAll()]]) : [name];
      for (const [root] of managers) {
        const header = { path: root, interface: STANDARD_INTERFACE.objectManager, member };
        this.#emitSignal(header, signature, [path, what]);
      }
    };
    if (managers.length > 0) announce().catch(this.#port.report);
  }

  async #managedBelow(root: string): Promise<Map<string, Map<string, Map<string, unknown>>>> {
    const managed = new Map<string, Map<string, Map<string, unknown>>>();
    for (const [path, { interfaces }] of this.#objects) {
      if (path === root || !isBelow(path, root)) continue;
      const values = new Map<string, Map<string, unknown>>();
      for (const [name, served] of interfaces) values.set(name, await served.getAll());
      managed.set(path, values);
    }
    return managed;
  }

  #childrenOf(path: string): readonly string[] {
    const prefix = path === '/' ? '/' : `${path}/`;
    const names = [...this.#objects.keys()]
      .filter((other) => other !== path && other.startsWith(prefix))
      .map((other) => other.slice(prefix.length).split('/')[0] ?? '');
    return [...new Set(names)].toSorted();
  }

  #objectAt(path: string): MutableObject {
    const known = this.#objects.get(path);
    if (known !== undefined) return known;
    const made: MutableObject = { interfaces: new Map(), isManager: false };
    this.#objects.set(path, made);
    return made;
  }

  #dropEmpty(path: string, object: MutableObject): void {
    if (object.interfaces.size === 0 && !object.isManager) this.#objects.delete(path);
  }
}

const STRING_BODY: BodyCodec = bodyCodec('s');

/** Headers of replies, by receiver and signature. */
function replyTemplate(key: string): HeaderTemplate {
  const [destination = '', signature = ''] = key.split(' ');
  return renderHeader(MESSAGE_TYPE.reply, { destination, signature });
}

/** Headers of signals, by path, interface, member and signature. */
const SIGNALS = new BoundedCache((key) => {
  const [path = '', owner = '', member = '', signature = ''] = key.split(' ');
  return renderHeader(MESSAGE_TYPE.signal, { path, interface: owner, member, signature });
});
