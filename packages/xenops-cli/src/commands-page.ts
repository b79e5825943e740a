/** The reference page of all commands, from the same rows as parser and help. */
import { GLOBAL_OPTIONS } from './argv.ts';
import { COMMANDS } from './commands/command-table.ts';
import type { Command } from './commands/command.ts';
import type { AnyOption } from './commands/option.ts';
import { exampleOf } from './parse-command.ts';

/** The page, in Markdown. */
export function commandsPage(): string {
  return [
    '# Commands of xenops',
    '',
    'Made from the table of commands by `UPDATE_GOLDEN=1 npx nx test @xenops/cli`; a test compares.',
    'Options have one dash, as they always had, or two. Every command takes:',
    '',
    ...table(
      ['option', 'what'],
      GLOBAL_OPTIONS.map(({ flag, short, placeholder, doc, onlyChanges = false }) => [
        `${short === undefined ? '' : `\`-${short}\`, `}${code(`--${flag}`, placeholder)}`,
        `${doc}${onlyChanges ? ' (commands that change something)' : ''}`,
      ]),
    ),
    '',
    ...COMMANDS.flatMap(section),
  ].join('\n');
}

function section(row: Command): string[] {
  const { name, aliases, summary, options, takesWords, noPlan } = row;
  const rows = Object.entries(options).flatMap(([key, option]) => optionRows(key, option));
  const also = aliases.map((alias) => `\`${alias}\``).join(', ');
  return [
    `## ${name}`,
    '',
    `${capital(summary)}.${also === '' ? '' : ` Also: ${also}.`}`,
    ...(takesWords === undefined ? [] : ['', `Takes words after its options: ${takesWords}.`]),
    ...(noPlan === undefined ? [] : ['', `Has no \`--plan\`: ${noPlan}.`]),
    '',
    `Example: \`${exampleOf(row)}\``,
    '',
    ...(rows.length === 0 ? [] : [...table(['option', 'what'], rows), '']),
  ];
}

function optionRows(key: string, option: AnyOption): (readonly [string, string])[] {
  switch (option.kind) {
    case 'flag': {
      const short = option.short === undefined ? '' : `\`-${option.short}\`, `;
      return [[`${short}${code(`--${key}`)}`, option.doc]];
    }
    case 'choice':
      return [
        [
          option.flags.map((name) => code(`--${name}`)).join(', '),
          `${option.doc}${option.required ? ' (required)' : ''}`,
        ],
      ];
    case 'value': {
      const { placeholder, doc, required, fallbackText } = option;
      const fallback =
        fallbackText === undefined || fallbackText === '' ? '' : ` (default: \`${fallbackText}\`)`;
      return [[code(`--${key}`, placeholder), `${doc}${required ? ' (required)' : fallback}`]];
    }
  }
}

function code(flag: string, placeholder?: string): string {
  return `\`${placeholder === undefined ? flag : `${flag} ${placeholder}`}\``;
}

/** A table whose bars line up, as the formatter would have it. */
function table(
  header: readonly [string, string],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const escaped = rows.map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = header.map((title, column) =>
    Math.max(title.length, ...escaped.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [line(header), line(widths.map((width) => '-'.repeat(width))), ...escaped.map(line)];
}

const capital = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
