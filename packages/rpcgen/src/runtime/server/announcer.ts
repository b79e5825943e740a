/** What objects tell without being asked: their own signals, PropertiesChanged, and that they came or went. */
import type { Outgoing } from '../connection.ts';
import { findMember } from '../describe.ts';
import { bodyCodec } from '../wire/body-codec.ts';
import { BoundedCache } from '../wire/bounded-cache.ts';
import { MESSAGE_TYPE, renderHeader } from '../wire/message.ts';
import type { CallContext } from './call-context.ts';
import type { ExportedInterface } from './exported-interface.ts';
import { STANDARD_INTERFACE } from './standard-interfaces.ts';

/** What announcements need of the bus. */
export interface AnnouncerPort {
  /** Sends a signal. Throws `DBUS_CLOSED`. */
  readonly emit: (message: Outgoing) => void;
  /** The context in which a property is read on our own behalf. */
  readonly ownContext: (path: string, owner: string) => CallContext;
}

interface SignalHeader {
  readonly path: string;
  readonly interface: string;
  readonly member: string;
}

/** See the module comment. */
export class Announcer {
  readonly #port: AnnouncerPort;

  constructor(port: AnnouncerPort) {
    this.#port = port;
  }

  /** Sends a signal of an interface. */
  signal(path: string, served: ExportedInterface, member: string, args: readonly unknown[]): void {
    const { name, signals } = served.description;
    const signature = findMember(signals, member) ?? '';
    this.#emit({ path, interface: name, member }, signature, args);
  }

  /** Sends PropertiesChanged for those of the properties that announce changes. */
  async changed(path: string, served: ExportedInterface, names: readonly string[]): Promise<void> {
    const { name: owner } = served.description;
    const context = this.#port.ownContext(path, owner);
    const changed = new Map<string, unknown>();
    const invalidated: string[] = [];
    for (const name of names) {
      const about = served.findProperty(name)?.about;
      if (about === undefined || about.access === 'write') continue;
      if (about.emitsChanged === 'invalidates') invalidated.push(name);
      else if (about.emitsChanged === 'true') changed.set(name, await served.get(name, context));
    }
    if (changed.size === 0 && invalidated.length === 0) return;
    const member = 'PropertiesChanged';
    const header = { path, interface: STANDARD_INTERFACE.properties, member };
    this.#emit(header, 'sa{sv}as', [owner, changed, invalidated]);
  }

  /** Sends InterfacesAdded from each of the managers, unless by the time its properties are read it has gone. */
  async added(
    managers: readonly string[],
    path: string,
    { served, isThere }: { readonly served: ExportedInterface; readonly isThere: () => boolean },
  ): Promise<void> {
    const { name } = served.description;
    const values = await served.getAll(this.#port.ownContext(path, name));
    if (!isThere()) return;
    const args = [path, new Map([[name, values]])];
    for (const manager of managers) {
      this.#emit(fromManager(manager, 'InterfacesAdded'), 'oa{sa{sv}}', args);
    }
  }

  /** Sends InterfacesRemoved from each of the managers. */
  removed(managers: readonly string[], path: string, served: ExportedInterface): void {
    const args = [path, [served.description.name]];
    for (const manager of managers) {
      this.#emit(fromManager(manager, 'InterfacesRemoved'), 'oas', args);
    }
  }

  #emit(header: SignalHeader, signature: string, values: readonly unknown[]): void {
    const key = [header.path, header.interface, header.member, signature].join(' ');
    this.#port.emit({ template: HEADERS.get(key), codec: bodyCodec(signature), values });
  }
}

function fromManager(path: string, member: string): SignalHeader {
  return { path, interface: STANDARD_INTERFACE.objectManager, member };
}

/** Headers of signals, by path, interface, member and signature. */
const HEADERS = new BoundedCache((key) => {
  const [path = '', owner = '', member = '', signature = ''] = key.split(' ');
  return renderHeader(MESSAGE_TYPE.signal, { path, interface: owner, member, signature });
});
