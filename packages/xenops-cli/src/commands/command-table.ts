import type { Command } from './command.ts';
import { consoleCommands } from './console.ts';
import { deviceModelCommands } from './device-model.ts';
import { deviceCommands } from './devices.ts';
import { doctorCommands } from './doctor.ts';
import { eventCommands } from './events.ts';
import { hardwareCommands } from './hardware.ts';
import { makeCommands } from './make.ts';
import { memoryCommands } from './memory.ts';
import { pciCommands } from './pci.ts';
import { runCommands } from './run.ts';
import { saveCommands } from './save.ts';
import { scheduleCommands } from './schedule.ts';
import { showDomainCommands } from './show-domains.ts';
import { showHostCommands } from './show-host.ts';
import { statsCommands } from './stats.ts';

/** Every command of `xenops`. */
export const COMMANDS: readonly Command[] = [
  ...makeCommands,
  ...runCommands,
  ...saveCommands,
  ...deviceCommands,
  ...deviceModelCommands,
  ...pciCommands,
  ...memoryCommands,
  ...scheduleCommands,
  ...hardwareCommands,
  ...showDomainCommands,
  ...showHostCommands,
  ...statsCommands,
  ...eventCommands,
  ...consoleCommands,
  ...doctorCommands,
];

/** The command with this name or alias. */
export function findCommand(name: string): Command | undefined {
  return COMMANDS.find((row) => row.name === name || row.aliases.includes(name));
}
