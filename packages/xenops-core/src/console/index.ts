export { defaultConsole, getConsole, waitForConsole, type ConsoleChoice } from './find-console.ts';
export { terminalPath } from './terminal-path.ts';
