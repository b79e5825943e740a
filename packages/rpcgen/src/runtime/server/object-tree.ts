/** The objects that we serve: which interfaces stand at which paths, and which method a call means. */
import type { Outgoing } from '../connection.ts';
import type { InterfaceDescription } from '../describe.ts';
import { BusError, DbusError, STANDARD_ERROR } from '../errors.ts';
import { objectPath } from '../values.ts';
import type { IncomingMessage } from '../wire/message.ts';
import { isBelow } from '../wire/match-rule.ts';
import { Announcer } from './announcer.ts';
import { CallContext, type DriverCall } from './call-context.ts';
import { Callers } from './callers.ts';
import {
  exportedInterface,
  type ExportedInterface,
  type ExportedMethod,
} from './exported-interface.ts';
import { FallbackTable, type Fallback } from './fallback-table.ts';
import type { Implementation, Implemented } from './implementation.ts';
import { renderIntrospection } from './introspection.ts';
import { PathIndex } from './path-index.ts';
import { RepliesSender, type ReplyPort } from './replies-sender.ts';
import { StandardMethods } from './standard-methods.ts';

/** What the tree needs of the bus. */
export interface TreePort extends ReplyPort {
  /** Sends a signal. Throws `DBUS_CLOSED`. */
  readonly emit: (message: Outgoing) => void;
  readonly callDriver: DriverCall;
  readonly uniqueName: () => string;
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

/** What an interface of an object tells. `S` maps each signal to its arguments, `P` each property to its type. */
export interface Teller<S, P> {
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
}

/** An interface that is being served. */
export interface Exported<S, P> extends Teller<S, P> {
  /** Stops serving. Harmless the second time. */
  unexport(): void;
}

/** See the module comment. */
export class ObjectTree {
  readonly #port: TreePort;
  readonly #objects = new PathIndex<MutableObject>();
  readonly #managers = new Set<string>();
  readonly #fallbacks = new FallbackTable();
  readonly #callers: Callers;
  readonly #announcer: Announcer;
  readonly #replies: RepliesSender;
  readonly #standard: StandardMethods;

  constructor(port: TreePort) {
    this.#port = port;
    this.#callers = new Callers(port.callDriver);
    this.#replies = new RepliesSender(port);
    this.#announcer = new Announcer({
      emit: port.emit,
      ownContext: (path, owner) => this.#context(path, owner, port.uniqueName()),
    });
    this.#standard = new StandardMethods({
      findObject: (path) => this.#findObject(path),
      introspect: (path) => this.introspect(path),
      managedBelow: (context) => this.#managedBelow(context),
      announceChange: (path, served, names) => this.#announcer.changed(path, served, names),
    });
  }

  /**
   * Serves an interface at a path. The same handlers may serve at many paths; they go by `context.path`.
   * Throws BusError `DBUS_BAD_NAME` for a bad path, `DBUS_ALREADY_EXPORTED`, and `DBUS_BAD_VALUE` for an
   * implementation that lacks a method.
   */
  export<S, P>(
    path: string,
    description: InterfaceDescription,
    implementation: Implementation,
  ): Exported<S, P> {
    objectPath(path);
    const served = exportedInterface({ description, implementation });
    const { name } = description;
    const object = this.#objectAt(path);
    if (object.interfaces.has(name)) {
      throw new BusError('DBUS_ALREADY_EXPORTED', {
        message: 'The object has that interface already',
        context: { path, interface: name },
      });
    }
    object.interfaces.set(name, served);
    let isExported = true;
    const isThere = (): boolean => isExported;
    this.#announce((managers) => this.#announcer.added(managers, path, { served, isThere }), path);
    return {
      ...this.#tellerOf(path, served),
      unexport: () => {
        if (!isExported) return;
        isExported = false;
        object.interfaces.delete(name);
        this.#announce(async (managers) => this.#announcer.removed(managers, path, served), path);
        this.#dropEmpty(path, object);
      },
    };
  }

  /**
   * Answers for all objects at a path and below it that are not exported, by asking at each call which there are.
   * Of several roots the nearest counts. An ObjectManager does not know of these objects.
   * Throws BusError `DBUS_BAD_NAME`, `DBUS_ALREADY_EXPORTED`.
   */
  exportFallback(root: string, fallback: Fallback): { unexport(): void } {
    return this.#fallbacks.add(objectPath(root), fallback);
  }

  /** Lets an object tell something without its being exported. Throws as `export`. */
  teller<S, P>(path: string, implemented: Implemented<S, P>): Teller<S, P> {
    return this.#tellerOf(objectPath(path), exportedInterface(implemented));
  }

  /** Makes the path an ObjectManager for everything below it. Throws BusError `DBUS_BAD_NAME`. */
  exportObjectManager(path: string): { unexport(): void } {
    objectPath(path);
    const object = this.#objectAt(path);
    object.isManager = true;
    this.#managers.add(path);
    return {
      unexport: () => {
        object.isManager = false;
        this.#managers.delete(path);
        this.#dropEmpty(path, object);
      },
    };
  }

  /** The introspection document of a path; undefined when nothing is there or below. */
  introspect(path: string): string | undefined {
    const object = this.#findObject(path);
    const children = new Set([...this.#objects.children(path), ...this.#fallbacks.children(path)]);
    if (object === undefined && children.size === 0) return undefined;
    const interfaces = [...(object?.interfaces.values() ?? [])];
    return renderIntrospection({
      interfaces: interfaces.map(({ description }) => description.xml),
      isObject: object !== undefined,
      isManager: object?.isManager === true,
      children: [...children].toSorted(),
    });
  }

  /** Answers a call. Throws only BusError `DBUS_PROTOCOL`, for a body that is not what the header says. */
  handleCall(message: IncomingMessage): void {
    const found = this.#findMethod(message);
    if (found === undefined) return;
    const { method, owner } = found;
    if (message.signature !== method.input.signature) {
      const wanted = `The arguments of ${message.member} are "${method.input.signature}"`;
      this.#replies.sendError(message, new DbusError(STANDARD_ERROR.invalidArgs, wanted));
      return;
    }
    this.#replies.answer(message, method, new CallContext(message, owner, this.#callers));
  }

  /** Forgets who the callers are; on another bus the same names are others. */
  forgetCallers(): void {
    this.#callers.clear();
  }

  /** The method that a call means; undefined when there is none and the caller has been told so. */
  #findMethod(message: IncomingMessage): Found | undefined {
    try {
      return this.#getMethod(message);
    } catch (error) {
      this.#replies.sendError(message, error);
      return undefined;
    }
  }

  #getMethod({ path, interface: wanted, member }: IncomingMessage): Found {
    const object = this.#findObject(path);
    const method = object?.interfaces.get(wanted)?.methods.get(member);
    if (method !== undefined) return { method, owner: wanted };
    const standard = this.#standard.find(wanted, member, object);
    if (standard !== undefined) return { method: standard, owner: wanted };
    if (object === undefined) {
      throw new DbusError(STANDARD_ERROR.unknownObject, `There is no object at ${path}`);
    }
    for (const [owner, { methods }] of wanted === '' ? object.interfaces : []) {
      const one = methods.get(member);
      if (one !== undefined) return { method: one, owner };
    }
    throw new DbusError(
      STANDARD_ERROR.unknownMethod,
      `The object has no method ${wanted === '' ? '' : `${wanted}.`}${member}`,
    );
  }

  #tellerOf<S, P>(path: string, served: ExportedInterface): Teller<S, P> {
    return {
      emit: (member, ...args) => this.#announcer.signal(path, served, member, args),
      changed: (...names) => this.#announcer.changed(path, served, names),
    };
  }

  /** Tells the managers above a path; nobody is told while there is no bus. */
  #announce(tell: (managers: readonly string[]) => Promise<void>, path: string): void {
    const managers = [...this.#managers].filter((root) => root !== path && isBelow(path, root));
    if (managers.length === 0) return;
    tell(managers).catch((error: unknown) => {
      if (!(error instanceof BusError) || error.code !== 'DBUS_CLOSED') this.#port.report(error);
    });
  }

  async #managedBelow({
    path: root,
    sender,
  }: CallContext): Promise<Map<string, Map<string, Map<string, unknown>>>> {
    const managed = new Map<string, Map<string, Map<string, unknown>>>();
    for (const [path, { interfaces }] of [...this.#objects.below(root)]) {
      const values = new Map<string, Map<string, unknown>>();
      for (const [name, served] of interfaces) {
        values.set(name, await served.getAll(this.#context(path, name, sender)));
      }
      managed.set(path, values);
    }
    return managed;
  }

  #context(path: string, owner: string, sender: string): CallContext {
    return new CallContext({ sender, path, member: 'Get' }, owner, this.#callers);
  }

  #findObject(path: string): ServedObject | undefined {
    const exported = this.#objects.find(path);
    if (exported !== undefined) return exported;
    const found = this.#fallbacks.find(path).map((one) => exportedInterface(one));
    if (found.length === 0) return undefined;
    const interfaces = new Map(found.map((one) => [one.description.name, one]));
    return { interfaces, isManager: false };
  }

  #objectAt(path: string): MutableObject {
    const known = this.#objects.find(path);
    if (known !== undefined) return known;
    const made: MutableObject = { interfaces: new Map(), isManager: false };
    this.#objects.add(path, made);
    return made;
  }

  #dropEmpty(path: string, object: MutableObject): void {
    if (object.interfaces.size > 0 || object.isManager) return;
    if (this.#objects.find(path) === object) this.#objects.remove(path);
  }
}

interface Found {
  readonly method: ExportedMethod;
  readonly owner: string;
}
