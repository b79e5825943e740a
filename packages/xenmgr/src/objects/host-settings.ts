/** Stored settings of the manager itself, by the names of their properties. */
import type { View } from '../db/view.ts';
import { CONFIG_PROPERTIES, findProperty, UI_PROPERTIES } from '../properties/properties.ts';
import type { StoredValue } from '../properties/property-row.ts';
import { readStored } from '../properties/stored-properties.ts';

const ROWS = [...CONFIG_PROPERTIES, ...UI_PROPERTIES];

function hostValue(view: View, name: string): StoredValue {
  const row = findProperty(ROWS, name);
  if (row?.kind !== 'stored') throw new TypeError(`No property ${name} of the manager is stored`);
  return readStored(view, { base: '', rows: ROWS }, row);
}

/** A flag. Throws TypeError for a property that is not stored. */
export function hostFlag(view: View, name: string): boolean {
  return hostValue(view, name) === true;
}

export function hostNumber(view: View, name: string): number {
  return Number(hostValue(view, name));
}

export function hostText(view: View, name: string): string {
  return String(hostValue(view, name));
}
