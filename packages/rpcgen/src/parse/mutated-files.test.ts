/** Descriptions damaged at random: whatever arrives, there are diagnostics or a whole set of files, and nothing else. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { BACKENDS } from '../backends/registry.ts';
import { IDL_FOLDER, TESTING_FOLDER } from '../testing/idl-files.test-helper.ts';
import { SeededRandom } from '../testing/random.test-helper.ts';
import { runCli } from '../testing/run-cli.test-helper.ts';
import { temporaryFolder } from '../testing/temporary-folder.test-helper.ts';

const COUNT = 300;
const SEED = 20_240_607;
/** Far more than any of these files needs on a slow machine, and far less than a hang. */
const LIMIT_MS = 20_000;

const sources: readonly [string, ...string[]] = [
  path.join(TESTING_FOLDER, 'toaster.xml'),
  path.join(TESTING_FOLDER, 'torture.xml'),
  path.join(IDL_FOLDER, 'vm_disk.xml'),
  path.join(IDL_FOLDER, 'xenmgr.xml'),
];

type Mutation = (text: string, random: SeededRandom) => string;

function span(text: string, random: SeededRandom): readonly [number, number] {
  const start = random.below(text.length + 1);
  return [start, Math.min(text.length, start + random.below(60))];
}

const INSERTS: readonly [string, ...string[]] = [
  ...([
    '<',
    '>',
    '&',
    '"',
    "'",
    '/',
    '\0',
    '\u{fffe}',
    '&#0;',
    '&lol;',
    '&#x110000;',
    ']]>',
    '<!--',
    '--',
    '<?x',
    '<![CDATA[',
  ] as const),
  '<!DOCTYPE node [<!ENTITY a "&a;">]>',
  '<method name="class"/>',
  '<tp:enum name="" type="s"/>',
  '<node>'.repeat(100),
  'a'.repeat(70_000),
];

/** Swaps one attribute value for another one of the document, or for something odd. */
const swapValue: Mutation = (text, random) => {
  const values = [...text.matchAll(/"([^"]*)"/g)];
  const at = values[random.below(values.length)];
  if (at === undefined) return text;
  const other = values[random.below(values.length)]?.[1] ?? '';
  const value = random.pick([
    other,
    '',
    'aaaa',
    `${'a'.repeat(300)}y`,
    '\n',
    '../../x',
    'ÿ',
    'a.b',
    'true',
  ]);
  return `${text.slice(0, at.index)}"${value}"${text.slice(at.index + at[0].length)}`;
};

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  (text, random) => text.slice(0, random.below(text.length + 1)),
  (text, random) => {
    const [start, end] = span(text, random);
    return text.slice(0, start) + text.slice(end);
  },
  (text, random) => {
    const [start, end] = span(text, random);
    return text.slice(0, end) + text.slice(start);
  },
  (text, random) => {
    const [start] = span(text, random);
    return text.slice(0, start) + random.pick(INSERTS) + text.slice(start);
  },
  (text, random) => {
    const lines = text.split('\n');
    lines.splice(random.below(lines.length), 1, lines[random.below(lines.length)] ?? '');
    return lines.join('\n');
  },
  swapValue,
  swapValue,
];

function mutate(text: string, random: SeededRandom): string {
  let mutated = text;
  for (let count = 1 + random.below(4); count > 0; count--)
    mutated = random.pick(MUTATIONS)(mutated, random);
  return mutated;
}

test(`${COUNT} damaged files (seed ${SEED}) give diagnostics or whole output, in all languages`, () => {
  using folder = temporaryFolder();
  const random = new SeededRandom(SEED);
  const backends = BACKENDS.filter(({ capabilities }) => capabilities.client.support !== 'no');
  const outcomes = { refused: 0, generated: 0 };
  for (let index = 0; index < COUNT; index++) {
    const text = mutate(readFileSync(random.pick(sources), 'utf8'), random);
    const input = path.join(folder.path, `mutated${index}.xml`);
    const output = path.join(folder.path, `out${index}`);
    // A few are no UTF-8 at all.
    writeFileSync(input, Buffer.from(text, random.below(20) === 0 ? 'latin1' : 'utf8'));
    // Two languages in turn: enough for each to see many of the files.
    const languages = [0, 1].flatMap((offset) => [
      '--lang',
      backends[(index + offset) % backends.length]?.name ?? '',
    ]);
    const startedMs = Date.now();
    const { status, err } = runCli(...languages, '-o', output, input);
    expect(Date.now() - startedMs).toBeLessThan(LIMIT_MS);
    if (status === 0) {
      outcomes.generated++;
      const names = readdirSync(output, { recursive: true, encoding: 'utf8' });
      expect(names.length).toBeGreaterThan(0);
      expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
      expect(runCli(...languages, '-o', output, '--check', input).status).toBe(0);
    } else {
      outcomes.refused++;
      expect([1, 5]).toContain(status);
      for (const line of err.trimEnd().split('\n')) {
        if (!line.startsWith(`${input}:`)) throw new Error(`file ${index}: no position in ${line}`);
        expect(line.slice(input.length)).toMatch(/^:\d+:\d+: \S/);
      }
      expect(existsSync(output)).toBe(false);
    }
  }
  // Both kinds must have been tried for the test to mean anything.
  expect(outcomes.refused).toBeGreaterThan(COUNT / 2);
  expect(outcomes.generated).toBeGreaterThan(COUNT / 20);
}, 300_000);
