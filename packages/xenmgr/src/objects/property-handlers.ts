/**
 * From rows of a property table to what a D-Bus interface is served with. A stored property needs nothing but its row;
 * a computed one has its source given by name. Setting checks the value, then the policy, then stores it. One set of
 * handlers serves all objects of a kind; which one is meant, the path of the call says.
 */
import type { Implementation } from '@xenops/rpcgen/runtime';
import type { Database } from '../db/database.ts';
import type { Draft, View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { PropertyRow, StoredRow } from '../properties/property-row.ts';
import { readStored, writeStored, type StoredObject } from '../properties/stored-properties.ts';
import { checkedValue } from '../properties/value-codec.ts';

/** Where the values of a computed property of a target come from and go to. */
export interface ComputedSource<Target> {
  readonly get: (target: Target) => unknown;
  /** The value has passed the check of its row. */
  readonly set?: (target: Target, value: never) => void | Promise<void>;
}

/** Says no to a change of a target, by throwing. Gets the state in which it would be made. */
export type Gate<Target> = (view: View, target: Target) => void;

/** What belongs to setting one stored property besides storing it. */
export interface SetEffect<Target> {
  /** Changes more, in the same transaction, before the value is stored. */
  readonly with?: (draft: Draft, target: Target, value: never) => void;
  /** Called after a new value is on disk; what it rejects with reaches the caller. */
  readonly after?: (target: Target, value: never) => void | Promise<void>;
}

/** One kind of object with its table. `Target` is what the path of an object says: a uuid, a VM and a number. */
export interface PropertyOptions<Target> {
  readonly database: Database;
  readonly rows: readonly PropertyRow[];
  /** Throws for a path that is none of this kind. */
  readonly targetOf: (path: string) => Target;
  /** The node of the database that has the stored properties. */
  readonly nodeOf: (target: Target) => string;
  readonly computed?: Readonly<Record<string, ComputedSource<Target>>>;
  /** Asked for every change of a property whose row names a policy. */
  readonly gate?: Gate<Target>;
  readonly effects?: Readonly<Record<string, SetEffect<Target>>>;
}

type Handlers = NonNullable<Implementation['properties']>;
type Handler = Handlers[string];

/** The handlers of all properties. Throws TypeError when a computed row has no source. */
export function propertyHandlers<Target>(options: PropertyOptions<Target>): Handlers {
  return Object.fromEntries(
    options.rows.map((row) => [
      row.name,
      row.kind === 'stored' ? storedHandler(row, options) : computedHandler(row, options),
    ]),
  );
}

function storedHandler<Target>(row: StoredRow, options: PropertyOptions<Target>): Handler {
  const { database, rows, targetOf, nodeOf } = options;
  return {
    get: ({ path }) => readStored(database.view(), { base: nodeOf(targetOf(path)), rows }, row),
    set: (value: unknown, { path }) => setStored(row, value, targetOf(path), options),
  };
}

async function setStored<Target>(
  row: StoredRow,
  value: unknown,
  target: Target,
  { database, rows, nodeOf, gate, effects }: PropertyOptions<Target>,
): Promise<void> {
  const checked = checkedValue(row, value);
  const effect = effects?.[row.name];
  const object = { base: nodeOf(target), rows };
  const isChanged = await database.transact((draft) => {
    if (row.policy !== undefined) gate?.(draft, target);
    refuseAbsent(draft, object);
    const before = readStored(draft, object, row);
    // The check of the row has given it the type that the effect takes.
    effect?.with?.(draft, target, checked as never);
    writeStored(draft, object, row, checked);
    return before !== readStored(draft, object, row);
  });
  if (isChanged) await effect?.after?.(target, checked as never);
}

/** A write to an object that was removed a moment ago must not bring back a part of it. */
function refuseAbsent(view: View, { base }: StoredObject): void {
  if (base === '' || view.exists(base)) return;
  throw new ManagerError('NOT_FOUND', { message: 'The object is gone' });
}

function computedHandler<Target>(row: PropertyRow, options: PropertyOptions<Target>): Handler {
  const { database, targetOf, gate } = options;
  const source = options.computed?.[row.name];
  if (source === undefined) throw new TypeError(`The property ${row.name} has no source`);
  const { get, set } = source;
  if (row.access === 'read') return { get: ({ path }) => get(targetOf(path)) };
  if (set === undefined) throw new TypeError(`The property ${row.name} cannot be set`);
  return {
    get: ({ path }) => get(targetOf(path)),
    async set(value: unknown, { path }) {
      const target = targetOf(path);
      const checked = checkedValue(row, value);
      if (row.policy !== undefined) gate?.(database.view(), target);
      await set(target, checked as never);
    },
  };
}
