/**
 * The objects of VMs, disks and NICs on the bus. They come and go with their nodes in the database, whoever changes it:
 * an object is there exactly as long as what it stands for.
 */
import type { Implementation, InterfaceDescription } from '@xenops/rpcgen/runtime';
import type { Bus } from '@xenops/rpcgen/runtime';
import { listIndex } from '../db/path.ts';
import type { View } from '../db/view.ts';
import { devicePath, diskPath, nicPath, vmPath } from './paths.ts';

/** One interface of an object. */
export interface Served {
  readonly description: InterfaceDescription;
  readonly implementation: Implementation;
}

/** What objects are made of: one set of handlers for all objects of a kind. */
export interface ObjectKinds {
  readonly vm: readonly Served[];
  readonly disk: Served;
  readonly nic: Served;
}

/** An object that is served, with its signals. */
export interface ExportedObject {
  /** Sends a signal. Throws BusError when the connection is gone. */
  emit(interfaceName: string, signal: string, args: readonly unknown[]): void;
  /** Sends PropertiesChanged; of properties that cannot be read just now nothing. */
  changed(interfaceName: string, names: readonly string[]): void;
  unexport(): void;
}

interface VmEntry {
  readonly object: ExportedObject;
  /** By path, so that a disk and a NIC of one number share their short path. */
  readonly devices: Map<string, ExportedObject>;
}

export class ObjectSet implements Disposable {
  readonly #bus: Bus;
  readonly #kinds: ObjectKinds;
  readonly #vms = new Map<string, VmEntry>();

  constructor(bus: Bus, kinds: ObjectKinds) {
    this.#bus = bus;
    this.#kinds = kinds;
  }

  /** Brings the objects of a VM in line with the database. */
  sync(uuid: string, view: View): void {
    const entry = this.#vms.get(uuid);
    if (!view.exists(`/vm/${uuid}`)) {
      if (entry !== undefined) this.#drop(uuid, entry);
      return;
    }
    const present = entry ?? this.#add(uuid);
    const wanted = new Map(wantedDevices(uuid, view, this.#kinds));
    for (const [key, device] of present.devices) {
      if (wanted.has(key)) continue;
      device.unexport();
      present.devices.delete(key);
    }
    for (const [key, { path, served }] of wanted) {
      if (present.devices.has(key)) continue;
      present.devices.set(key, exportObject(this.#bus, path, [served]));
    }
  }

  /** Whether a VM has its objects. */
  has(uuid: string): boolean {
    return this.#vms.has(uuid);
  }

  /** Announces new values of properties of a VM; of one that has no object nothing. */
  vmChanged(uuid: string, interfaceName: string, names: readonly string[]): void {
    this.#vms.get(uuid)?.object.changed(interfaceName, names);
  }

  /** Takes all objects off the bus. */
  [Symbol.dispose](): void {
    for (const [uuid, entry] of this.#vms) this.#drop(uuid, entry);
  }

  #add(uuid: string): VmEntry {
    const object = exportObject(this.#bus, vmPath(uuid), this.#kinds.vm);
    const entry: VmEntry = { object, devices: new Map() };
    this.#vms.set(uuid, entry);
    return entry;
  }

  #drop(uuid: string, entry: VmEntry): void {
    for (const device of entry.devices.values()) device.unexport();
    entry.object.unexport();
    this.#vms.delete(uuid);
  }
}

interface DeviceObject {
  readonly path: string;
  readonly served: Served;
}

/** The objects of the devices of a VM by a key of their own. */
function* wantedDevices(
  uuid: string,
  view: View,
  kinds: ObjectKinds,
): Generator<readonly [string, DeviceObject]> {
  const folders = [
    { name: 'disk', longPath: diskPath, served: kinds.disk },
    { name: 'nic', longPath: nicPath, served: kinds.nic },
  ];
  for (const { name, longPath, served } of folders) {
    for (const child of view.list(`/vm/${uuid}/config/${name}`)) {
      const id = listIndex(child);
      if (id === undefined) continue;
      for (const path of [longPath(uuid, id), devicePath(uuid, id)]) {
        yield [`${name} ${path}`, { path, served }];
      }
    }
  }
}

/** Serves interfaces at a path. */
export function exportObject(bus: Bus, path: string, served: readonly Served[]): ExportedObject {
  const exported = served.map(({ description, implementation }) => ({
    name: description.name,
    part: bus.objects.export<Record<string, readonly unknown[]>, Record<string, unknown>>(
      path,
      description,
      implementation,
    ),
  }));
  return {
    emit(interfaceName, signal, args) {
      for (const { name, part } of exported) if (name === interfaceName) part.emit(signal, ...args);
    },
    changed(interfaceName, names) {
      for (const { name, part } of exported) {
        // A connection that is gone has nobody to tell.
        if (name === interfaceName) part.changed(...names).catch(() => undefined);
      }
    },
    unexport() {
      for (const { part } of exported) part.unexport();
    },
  };
}
