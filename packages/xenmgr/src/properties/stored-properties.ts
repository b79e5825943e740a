/** Reading and writing properties whose values the database has. `base` is the path of the object they belong to. */
import type { Draft, View } from '../db/view.ts';
import { folderOf } from '../db/tree.ts';
import { findProperty } from './properties.ts';
import type { PropertyRow, StoredRow, StoredValue } from './property-row.ts';
import { checkedValue, decodeValue, encodeValue, type StoredForm } from './value-codec.ts';

/** Where an object has its properties. */
export interface StoredObject {
  /** The path of its node, such as `/vm/UUID`; empty for the root. */
  readonly base: string;
  /** The table of its properties. */
  readonly rows: readonly PropertyRow[];
}

/** The preset that overrides others while it is true. */
const PRESET = 'native-experience';

/**
 * The value of a property: what is stored, else its default. A stored text that the property cannot be counts as
 * nothing stored, so that one bad text does not make an object unreadable.
 */
export function readStored(view: View, object: StoredObject, row: StoredRow): StoredValue {
  if (row.nativeExperience !== undefined && hasPreset(view, object)) return row.nativeExperience;
  return findStored(view, object, row) ?? defaultValue(view, object, row);
}

/** The value that is stored; undefined without one. */
export function findStored(
  view: View,
  object: StoredObject,
  row: StoredRow,
): StoredValue | undefined {
  return decodeValue(row, storedForm(view, pathOf(object, row)));
}

/** Checks a value and stores it. Throws CONFIG_BAD_VALUE, and what the draft throws. */
export function writeStored(
  draft: Draft,
  object: StoredObject,
  row: StoredRow,
  value: unknown,
): void {
  const stored = encodeValue(row, checkedValue(row, value));
  const path = pathOf(object, row);
  if (typeof stored === 'string') draft.write(path, stored);
  else draft.replace(path, stored && folderOf(stored.map((text, at) => [String(at), text])));
}

function pathOf(object: StoredObject, row: StoredRow): string {
  return `${object.base}/${row.key}`;
}

function storedForm(view: View, path: string): StoredForm {
  const text = view.read(path);
  if (text !== undefined || !view.exists(path)) return text;
  return view.list(path).map((name) => view.read(`${path}/${name}`) ?? '');
}

function defaultValue(view: View, object: StoredObject, row: StoredRow): StoredValue {
  const other =
    row.defaultFrom === undefined ? undefined : findProperty(object.rows, row.defaultFrom);
  return other?.kind === 'stored' ? readStored(view, object, other) : row.default;
}

function hasPreset(view: View, object: StoredObject): boolean {
  const row = findProperty(object.rows, PRESET);
  return row?.kind === 'stored' && findStored(view, object, row) === true;
}
