/** The settings of one VM as the configuration needs them, from one state of the database. */
import { listIndex } from '../db/path.ts';
import type { View } from '../db/view.ts';
import {
  DISK_PROPERTIES,
  findProperty,
  NIC_PROPERTIES,
  VM_UNRESTRICTED_PROPERTIES,
} from '../properties/properties.ts';
import type { PropertyRow, StoredRow, StoredValue } from '../properties/property-row.ts';
import { findStored, readStored, type StoredObject } from '../properties/stored-properties.ts';

/** The types of a user's VM. */
const USER_TYPES: readonly string[] = ['svm', 'pvm'];

/** The values of one object: a VM, a disk, a NIC. */
export class Settings {
  readonly #view: View;
  readonly #object: StoredObject;

  constructor(view: View, object: StoredObject) {
    this.#view = view;
    this.#object = object;
  }

  /** The value of a property, its default when none is stored. */
  value(name: string): StoredValue {
    return readStored(this.#view, this.#object, this.#row(name));
  }

  text(name: string): string {
    return String(this.value(name));
  }

  flag(name: string): boolean {
    return this.value(name) === true;
  }

  number(name: string): number {
    return Number(this.value(name));
  }

  /** The value that is stored; undefined without one. */
  stored(name: string): StoredValue | undefined {
    return findStored(this.#view, this.#object, this.#row(name));
  }

  #row(name: string): StoredRow {
    const row = findProperty(this.#object.rows, name);
    if (row?.kind === 'stored') return row;
    throw new TypeError(`No property ${name} is stored`);
  }
}

/** A disk or a NIC with its number. */
export interface NumberedSettings {
  readonly id: number;
  readonly settings: Settings;
}

/** The settings of a VM. */
export function vmSettings(view: View, uuid: string): Settings {
  return new Settings(view, { base: `/vm/${uuid}`, rows: VM_UNRESTRICTED_PROPERTIES });
}

/** Whether these are the settings of a VM that works for others: any but a user's. */
export function isServiceVm(vm: Settings): boolean {
  return !USER_TYPES.includes(vm.text('type'));
}

/** The disks of a VM, by number. */
export function diskSettings(view: View, uuid: string): readonly NumberedSettings[] {
  return numbered(view, `/vm/${uuid}/config/disk`, DISK_PROPERTIES);
}

/** The NICs of a VM, by number. */
export function nicSettings(view: View, uuid: string): readonly NumberedSettings[] {
  return numbered(view, `/vm/${uuid}/config/nic`, NIC_PROPERTIES);
}

function numbered(
  view: View,
  base: string,
  rows: readonly PropertyRow[],
): readonly NumberedSettings[] {
  return view.list(base).flatMap((name) => {
    const id = listIndex(name);
    const settings = new Settings(view, { base: `${base}/${name}`, rows });
    return id === undefined ? [] : [{ id, settings }];
  });
}
