/**
 * What one property is. The tables beside this file have a row for every property of the D-Bus interfaces and are the
 * only place that names them; getters, setters, checks, storage and what reaches xenvm follow from the rows.
 */

/** D-Bus types that properties have. */
export type PropertyType = 'b' | 'i' | 's' | 'x' | 'as' | 'ao' | 'a{ss}';

/** A value that the database keeps. */
export type StoredValue = boolean | number | string;

/** When a new value is acted upon. */
export type Effect =
  /** At once, or whenever it is next looked at. */
  | 'now'
  /** When the VM boots next. */
  | 'next-boot'
  /** When this service starts next. */
  | 'next-start'
  /** When the owner of it, another daemon or the host, looks next. */
  | 'elsewhere'
  /** Never: it is stored for others or for old clients. */
  | 'stored-only'
  /** It cannot be set. */
  | 'read-only';

/** What a new value must be, besides its type. */
export type Check =
  | { readonly kind: 'any' }
  | { readonly kind: 'range'; readonly min: number; readonly max: number }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  /** One line without control characters: it may end up in a file of lines. */
  | { readonly kind: 'line' }
  /** One line of this form; the hint completes "it must be". */
  | { readonly kind: 'form'; readonly form: RegExp; readonly hint: string };

/** How a value lies in the database. */
export type Encoding =
  /** `true`, `false`, a decimal number, or the text. */
  | 'plain'
  /** A flag under a key that says the opposite; the default is a missing key. */
  | 'inverted'
  /** The default is a missing key, for numbers anything up to 0 as well. */
  | 'optional'
  /** The items between semicolons, trimmed, as a list of numbered nodes. */
  | 'list'
  /** Milliseconds, stored as seconds with a fraction. */
  | 'seconds';

interface RowBase {
  /** As on D-Bus. */
  readonly name: string;
  readonly type: PropertyType;
  /** One sentence or more for the reference. */
  readonly doc: string;
  readonly effect: Effect;
}

/** A property whose value is a node of the database. */
export interface StoredRow extends RowBase {
  readonly kind: 'stored';
  readonly access: 'read' | 'readwrite';
  /** The node, relative to that of the object. */
  readonly key: string;
  readonly encoding: Encoding;
  /** What is read while nothing is stored. */
  readonly default: StoredValue;
  /** Another property whose value is read while nothing is stored. */
  readonly defaultFrom?: string;
  readonly check: Check;
  /** Blanks around the text are dropped. */
  readonly trimmed: boolean;
  /** What is read while `native-experience` is true, whatever is stored. */
  readonly nativeExperience?: boolean;
  /** The line of the xenvm configuration that gets the stored text as it is. */
  readonly xenvm?: string;
  /** The line of the xenvm configuration that it is part of, where that is more than the stored text. */
  readonly partOf?: string;
  /** The policy without which it cannot be set over the restricted interface. */
  readonly policy?: 'modify-vm-settings';
}

/** A property whose value somebody else has: the hypervisor, a file, another property. */
export interface ComputedRow extends RowBase {
  readonly kind: 'computed';
  readonly access: 'read' | 'readwrite';
  /** Where the value comes from. */
  readonly source: string;
  readonly check: Check;
  readonly policy?: 'modify-vm-settings';
}

export type PropertyRow = StoredRow | ComputedRow;

/** A stored row as the tables write it: what is usual is left out. */
export interface StoredEntry extends Omit<
  StoredRow,
  'kind' | 'access' | 'encoding' | 'check' | 'trimmed' | 'type' | 'policy'
> {
  readonly type: 'b' | 'i' | 's';
  readonly access?: 'read';
  readonly encoding?: Encoding;
  readonly check?: Check;
  readonly trimmed?: true;
}

/** A computed row as the tables write it. */
export interface ComputedEntry extends Omit<ComputedRow, 'kind' | 'access' | 'check' | 'policy'> {
  readonly access?: 'readwrite';
  readonly check?: Check;
}

const INT32: Check = { kind: 'range', min: -(2 ** 31), max: 2 ** 31 - 1 };

/** The check of a row that does not say one: whatever the type allows, and single lines of text. */
function usualCheck(type: PropertyType): Check {
  if (type === 'i') return INT32;
  return type === 's' ? { kind: 'line' } : { kind: 'any' };
}

/** Completes the rows of an object. `policy` guards all that can be set. */
export function completeRows(
  entries: readonly (StoredEntry | ComputedEntry)[],
  policy?: 'modify-vm-settings',
): readonly PropertyRow[] {
  return entries.map((entry): PropertyRow => {
    const check = entry.check ?? usualCheck(entry.type);
    if (!('key' in entry)) {
      const access = entry.access ?? 'read';
      return { ...entry, kind: 'computed', access, check, ...guard(access, policy) };
    }
    const access = entry.access ?? 'readwrite';
    const encoding = entry.encoding ?? 'plain';
    const trimmed = entry.trimmed ?? false;
    return {
      ...entry,
      kind: 'stored',
      access,
      encoding,
      check,
      trimmed,
      ...guard(access, policy),
    };
  });
}

function guard(
  access: 'read' | 'readwrite',
  policy: 'modify-vm-settings' | undefined,
): { readonly policy?: 'modify-vm-settings' } {
  return access === 'readwrite' && policy !== undefined ? { policy } : {};
}

export function range(min: number, max: number): Check {
  return { kind: 'range', min, max };
}

export function choice(...of: readonly string[]): Check {
  return { kind: 'choice', of };
}

export function form(pattern: RegExp, hint: string): Check {
  return { kind: 'form', form: pattern, hint };
}
