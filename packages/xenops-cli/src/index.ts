export { run } from './run.ts';
export type { Invocation } from './run.ts';
export { EXIT, EXIT_STATUS, exitStatus } from './exit-status.ts';
export { COMMANDS, findCommand } from './commands/command-table.ts';
