import type { Described } from '../model/model.ts';
import type { Position } from '../model/position.ts';
import { findAnnotation, isDeprecated } from '../model/annotations.ts';
import type { Change, ChangeClass } from './change.ts';

/** A thing in both descriptions. */
export interface Pair<T> {
  readonly before: T;
  readonly after: T;
}

/** Collects changes. */
export class ChangeList {
  readonly changes: Change[] = [];

  /** Adds a change of one thing. */
  add(
    changeClass: ChangeClass,
    { subject, position }: { readonly subject: string; readonly position: Position },
    message: string,
  ): void {
    this.changes.push({ class: changeClass, subject, message, position });
  }

  /**
   * Matches two lists by name. What is gone is breaking and what is new is an addition; gives the pairs of what is
   * in both, and notes when their order is another one.
   */
  match<T extends Described>(
    lists: Pair<readonly T[]>,
    { nameOf, subjectOf, what }: MatchOptions<T>,
  ): readonly Pair<T>[] {
    const before = new Map(lists.before.map((one) => [nameOf(one), one]));
    const after = new Map(lists.after.map((one) => [nameOf(one), one]));
    for (const [name, one] of before) {
      if (after.has(name)) continue;
      this.add('breaking', { subject: subjectOf(one), position: one.position }, `${what} removed`);
    }
    for (const [name, one] of after) {
      if (before.has(name)) continue;
      this.add('addition', { subject: subjectOf(one), position: one.position }, `${what} added`);
    }
    const common = [...before.keys()].filter((name) => after.has(name));
    const order = [...after.keys()].filter((name) => before.has(name));
    const moved = order.findIndex((name, index) => common[index] !== name);
    const first = moved === -1 ? undefined : after.get(order[moved] ?? '');
    if (first !== undefined) {
      this.add('info', { subject: subjectOf(first), position: first.position }, 'order changed');
    }
    return common.flatMap((name) => {
      const old = before.get(name);
      const now = after.get(name);
      return old === undefined || now === undefined ? [] : [{ before: old, after: now }];
    });
  }

  /** Compares what every described thing has: documentation, deprecation and annotations without other meaning. */
  describe({ before, after }: Pair<Described>, subject: string): void {
    const place = { subject, position: after.position };
    if (before.docs !== after.docs) this.add('info', place, 'documentation changed');
    if (isDeprecated(before) !== isDeprecated(after)) {
      this.add('info', place, isDeprecated(after) ? 'deprecated' : 'no longer deprecated');
    }
    const names = [...before.annotations, ...after.annotations].map(({ name }) => name);
    for (const name of new Set(names.filter((one) => !COMPARED_ELSEWHERE.test(one)))) {
      if (findAnnotation(before, name) !== findAnnotation(after, name)) {
        this.add('info', place, `annotation ${name} changed`);
      }
    }
  }
}

/** How `match` names things. */
export interface MatchOptions<T> {
  readonly nameOf: (one: T) => string;
  readonly subjectOf: (one: T) => string;
  readonly what: string;
}

/** Annotations for which there is a rule of their own. */
const COMPARED_ELSEWHERE =
  /^(org\.freedesktop\.DBus\.(Deprecated|Method\.(NoReply|Error)|Property\.EmitsChangedSignal)|org\.xenops\.Rpcgen\.Errors|org\.gtk\.GDBus\.DocString)$/;
