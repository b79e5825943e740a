/**
 * What can be waited for, to be handed to `waitFor` and combined: a value that appears, a node that goes, one of several
 * things, all of them. Each looks at the tree again whenever something at its paths changes.
 */
import type { Condition } from './wait.ts';
import type { XenStoreTree } from './xenstore.ts';

/** The node exists, with whatever value; gives the value. */
export function valueAppears(path: string): Condition<string> {
  return { what: `${path} to appear`, paths: [path], look: (tree) => tree.find(path) };
}

/** The node is gone. */
export function nodeDisappears(path: string): Condition<true> {
  return {
    what: `${path} to disappear`,
    paths: [path],
    look: async (tree) => ((await tree.find(path)) === undefined ? true : undefined),
  };
}

/** The node exists and has this value. */
export function valueBecomes(path: string, value: string): Condition<string> {
  return {
    what: `${path} to become "${value}"`,
    paths: [path],
    look: async (tree) => ((await tree.find(path)) === value ? value : undefined),
  };
}

/** The same, with another result. */
export function mapped<T, R>(condition: Condition<T>, map: (value: T) => R): Condition<R> {
  return {
    ...condition,
    look: async (tree) => {
      const value = await condition.look(tree);
      return value === undefined ? undefined : map(value);
    },
  };
}

/**
 * Each was true at some moment, not necessarily the same; gives the results in order. One such condition serves one
 * wait: it remembers what it has seen.
 */
export function allOf<T>(conditions: readonly Condition<T>[]): Condition<readonly T[]> {
  const seen = new Map<number, T>();
  return {
    what: `all of: ${conditions.map(({ what }) => what).join('; ')}`,
    lastState: () => `${seen.size} of ${conditions.length} seen`,
    paths: pathsOf(conditions),
    look: async (tree) => {
      await Promise.all(
        conditions.map(async (condition, index) => {
          if (seen.has(index)) return;
          const value = await condition.look(tree);
          if (value !== undefined) seen.set(index, value);
        }),
      );
      if (seen.size < conditions.length) return undefined;
      return [...seen].toSorted(([a], [b]) => a - b).map(([, value]) => value);
    },
  };
}

/** What `anyOf` found: which condition, by its tag, and its result. */
export interface Found<Tag extends string, T> {
  readonly tag: Tag;
  readonly value: T;
}

/** The first in order that is true; gives its tag and its result. */
export function anyOf<Tag extends string, T>(
  conditions: Readonly<Record<Tag, Condition<T>>>,
): Condition<Found<Tag, T>> {
  const entries = Object.entries(conditions) as [Tag, Condition<T>][];
  return {
    what: `any of: ${entries.map(([, { what }]) => what).join('; ')}`,
    paths: pathsOf(entries.map(([, condition]) => condition)),
    look: async (tree) => firstTrue(entries, tree),
  };
}

async function firstTrue<Tag extends string, T>(
  entries: readonly (readonly [Tag, Condition<T>])[],
  tree: XenStoreTree,
): Promise<Found<Tag, T> | undefined> {
  for (const [tag, condition] of entries) {
    const value = await condition.look(tree);
    if (value !== undefined) return { tag, value };
  }
  return undefined;
}

function pathsOf(conditions: readonly Condition<unknown>[]): readonly string[] {
  return [...new Set(conditions.flatMap(({ paths }) => paths))];
}
