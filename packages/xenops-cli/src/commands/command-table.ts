import type { Command } from './command.ts';
import { makeCommands } from './make.ts';
import { runCommands } from './run.ts';
import { showDomainCommands } from './show-domains.ts';
import { showHostCommands } from './show-host.ts';

/** Every command of `xenops`. */
export const COMMANDS: readonly Command[] = [
  ...makeCommands,
  ...runCommands,
  ...showDomainCommands,
  ...showHostCommands,
];

/** The command with this name or alias. */
export function findCommand(name: string): Command | undefined {
  return COMMANDS.find((row) => row.name === name || row.aliases.includes(name));
}
