import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { COMMANDS } from './commands/command-table.ts';
import { commandsPage } from './commands-page.ts';

const PAGE = fileURLToPath(new URL('../../../docs/commands.md', import.meta.url));

test('docs/commands.md is what the table of commands says', async () => {
  if (process.env['UPDATE_GOLDEN'] === '1') await writeFile(PAGE, commandsPage());
  expect(await readFile(PAGE, 'utf8')).toBe(commandsPage());
});

test('every command and alias is on the page once, and no two commands share a name', () => {
  const names = COMMANDS.flatMap(({ name, aliases }) => [name, ...aliases]);
  expect(new Set(names).size).toBe(names.length);
  for (const { name } of COMMANDS) expect(commandsPage().split(`\n## ${name}\n`)).toHaveLength(2);
});
