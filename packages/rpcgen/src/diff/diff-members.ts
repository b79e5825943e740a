import {
  declaredErrors,
  emitsChanged,
  isNoReply,
  type EmitsChanged,
} from '../model/annotations.ts';
import type { Access, Arg, Interface, Member, Method, Property } from '../model/model.ts';
import type { Position } from '../model/position.ts';
import type { ChangeClass } from './change.ts';
import type { ChangeList, Pair } from './change-list.ts';

interface Place {
  readonly subject: string;
  readonly position: Position;
}

/** Compares the members of an interface. */
export function diffMembers(owners: Pair<Interface>, list: ChangeList): void {
  const pairs = list.match<Member>(
    { before: owners.before.members, after: owners.after.members },
    {
      nameOf: ({ kind, name }) => `${kind} ${name}`,
      subjectOf: ({ name }) => `${owners.after.name}.${name}`,
      what: 'member',
    },
  );
  for (const { before, after } of pairs) {
    const place = { subject: `${owners.after.name}.${after.name}`, position: after.position };
    list.describe({ before, after }, place.subject);
    if (before.kind === 'property' && after.kind === 'property') {
      diffProperty({ before, after }, { owners, place, list });
    } else if (before.kind === 'method' && after.kind === 'method') {
      diffMethod({ before, after }, { owners, place, list });
    } else if (before.kind === 'signal' && after.kind === 'signal') {
      diffArgs({ before: before.args, after: after.args }, { what: 'argument', place, list });
    }
  }
}

interface MemberContext {
  readonly owners: Pair<Interface>;
  readonly place: Place;
  readonly list: ChangeList;
}

function diffMethod({ before, after }: Pair<Method>, { owners, place, list }: MemberContext): void {
  diffArgs({ before: before.inputs, after: after.inputs }, { what: 'input', place, list });
  diffArgs({ before: before.outputs, after: after.outputs }, { what: 'output', place, list });
  if (isNoReply(before) !== isNoReply(after)) {
    list.add('breaking', place, isNoReply(after) ? 'sends no reply any more' : 'sends a reply now');
  }
  const oldErrors = new Map(declaredErrors(before, owners.before).map((one) => [one.name, one]));
  const newErrors = new Map(declaredErrors(after, owners.after).map((one) => [one.name, one]));
  for (const [name, { code }] of oldErrors) {
    const now = newErrors.get(name);
    if (now === undefined) list.add('breaking', place, `error ${name} removed`);
    else if (now.code !== code) list.add('breaking', place, `number of error ${name} changed`);
  }
  for (const name of newErrors.keys()) {
    if (!oldErrors.has(name)) list.add('addition', place, `error ${name} added`);
  }
}

interface ArgContext {
  readonly what: string;
  readonly place: Place;
  readonly list: ChangeList;
}

/** Compares arguments by their place: a name is not on the wire. */
function diffArgs(args: Pair<readonly Arg[]>, { what, place, list }: ArgContext): void {
  const { before, after } = args;
  if (before.length !== after.length) {
    const change = after.length > before.length ? 'added' : 'removed';
    list.add('breaking', place, `${what} ${change}: ${listOf(before)} became ${listOf(after)}`);
    return;
  }
  for (const [index, now] of after.entries()) {
    const old = before[index];
    if (old === undefined) continue;
    const at = { subject: place.subject, position: now.position };
    const label = `${what} ${index + 1}`;
    if (old.signature !== now.signature) {
      list.add(
        'breaking',
        at,
        `type of ${label} changed from ${old.signature} to ${now.signature}`,
      );
    }
    if (old.name !== now.name) {
      list.add('info', at, `${label} renamed from "${old.name}" to "${now.name}"`);
    }
    if (old.enumeration?.name !== now.enumeration?.name) {
      list.add('info', at, `enumeration of ${label} changed`);
    }
    if (old.docs !== now.docs) list.add('info', at, `documentation of ${label} changed`);
  }
}

function listOf(args: readonly Arg[]): string {
  return `(${args.map(({ signature }) => signature).join(', ')})`;
}

function diffProperty(
  { before, after }: Pair<Property>,
  { owners, place, list }: MemberContext,
): void {
  if (before.signature !== after.signature) {
    list.add('breaking', place, `type changed from ${before.signature} to ${after.signature}`);
  }
  if (before.access !== after.access) {
    const isLarger = after.access === 'readwrite';
    list.add(
      isLarger ? 'addition' : 'breaking',
      place,
      `access changed from ${name(before.access)} to ${name(after.access)}`,
    );
  }
  if (before.enumeration?.name !== after.enumeration?.name) {
    list.add('info', place, 'enumeration changed');
  }
  const was = emitsChanged(before, owners.before);
  const is = emitsChanged(after, owners.after);
  if (was !== is) {
    list.add(EMITS_CHANGED[was][is], place, `EmitsChangedSignal changed from ${was} to ${is}`);
  }
}

function name(access: Access): string {
  return access === 'readwrite' ? 'read and write' : access;
}

/**
 * Clients cache by this annotation. What lets a cache go stale, or lacks a value that a client waits for, breaks; to
 * `const` nothing that old clients do goes wrong, but new clients fail with old services.
 */
const EMITS_CHANGED: Readonly<Record<EmitsChanged, Readonly<Record<EmitsChanged, ChangeClass>>>> = {
  true: { true: 'info', invalidates: 'breaking', const: 'addition', false: 'breaking' },
  invalidates: { true: 'breaking', invalidates: 'info', const: 'addition', false: 'breaking' },
  const: { true: 'breaking', invalidates: 'breaking', const: 'info', false: 'breaking' },
  false: { true: 'breaking', invalidates: 'breaking', const: 'addition', false: 'info' },
};
