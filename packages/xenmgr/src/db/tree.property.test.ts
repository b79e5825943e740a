import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatPath } from './path.ts';
import { difference, EMPTY_FOLDER, leavesOf, withNode, type Folder } from './tree.ts';
import { TreeBuilder } from './tree-builder.ts';
import { jsonFromNode, nodeFromJson } from './tree-json.ts';
import { Draft } from './view.ts';

const name = fc.constantFrom('a', 'b', '0', '10', '__proto__');
const path = fc.array(name, { minLength: 1, maxLength: 4 });
const commands = fc.array(
  fc.record({ verb: fc.constantFrom('write', 'rm'), path, text: fc.string({ maxLength: 5 }) }),
  { maxLength: 30 },
);

/** The same as a flat table: a text is refused where it would be above or below another one. */
function applyToTable(table: Map<string, string>, verb: string, key: string, text: string): void {
  const keys = [...table.keys()];
  if (verb === 'rm') {
    if (keys.some((other) => key.startsWith(`${other}/`))) return;
    for (const other of keys) if (`${other}/`.startsWith(`${key}/`)) table.delete(other);
    return;
  }
  const clash = keys.some((other) => other.startsWith(`${key}/`) || key.startsWith(`${other}/`));
  if (!clash) table.set(key, text);
}

function run(steps: readonly { verb: string; path: string[]; text: string }[]): {
  tree: Folder;
  table: Map<string, string>;
} {
  const draft = new Draft(EMPTY_FOLDER);
  const table = new Map<string, string>();
  for (const step of steps) {
    const key = formatPath(step.path);
    try {
      if (step.verb === 'rm') draft.rm(key);
      else draft.write(key, step.text);
    } catch {
      // Refused; the table refuses it as well.
    }
    applyToTable(table, step.verb, key, step.text);
  }
  return { tree: draft.tree, table };
}

function texts(tree: Folder): Map<string, string> {
  return new Map([...leavesOf(tree)].map((leaf) => [formatPath(leaf.path), leaf.text]));
}

function recount(tree: Folder): number {
  const builder = new TreeBuilder();
  for (const leaf of leavesOf(tree)) builder.add(leaf.path, leaf.text);
  return builder.build().bytes;
}

test('a tree behaves as a table of texts without clashes, and knows its size', () => {
  fc.assert(
    fc.property(commands, (steps) => {
      const { tree, table } = run(steps);
      expect(texts(tree)).toEqual(table);
      expect(tree.bytes).toBe(recount(tree));
    }),
  );
});

test('the difference of two trees makes the one from the other', () => {
  fc.assert(
    fc.property(commands, commands, (first, second) => {
      const before = run(first).tree;
      const after = run(second).tree;
      const changes = [...difference(before, after)];
      const table = texts(before);
      for (const change of changes) {
        if (change.text === undefined) table.delete(formatPath(change.path));
      }
      for (const change of changes) {
        if (change.text !== undefined) table.set(formatPath(change.path), change.text);
      }
      expect(table).toEqual(texts(after));
    }),
  );
});

test('JSON keeps every tree', () => {
  fc.assert(
    fc.property(commands, (steps) => {
      const { tree } = run(steps);
      const back = nodeFromJson(jsonFromNode(tree));
      expect(back).toEqual(withNode(tree, [], tree));
    }),
  );
});
