/** Talking to a guest on its console. */
import {
  defaultConsole,
  getConsole,
  waitForConsole,
  type ConsoleChoice,
} from '@xenops/core/console';
import { ConfigError } from '@xenops/core/errors';
import { converse } from '../terminal/converse.ts';
import { openPseudoTerminal } from '../terminal/node-terminal.ts';
import { command, type Command } from './command.ts';
import { DOMID, flag, NUMBER, optional, required, withDefault, word } from './option.ts';

const WAIT_TIMEOUT_MS = 60_000;
const KINDS = ['pv', 'serial'] as const;

export const consoleCommands: readonly Command[] = [
  command({
    name: 'console',
    summary: 'connect this terminal to the console of a guest; ctrl-] leaves it',
    example: '-domid 5',
    changes: false,
    options: {
      domid: required(DOMID),
      type: optional(word(KINDS, 'pv, or serial port; that of the guest type unless said')),
      number: withDefault({ ...NUMBER, doc: 'which one' }, 0),
      wait: flag('until it is there'),
      show: flag('print the path of its terminal in place of connecting'),
    },
    async run(host, values, { out, json, signal, timeoutMs, openTerminal }) {
      const { domid, type, number, wait, show } = values;
      const kind = type ?? (await defaultConsole(host, domid)).kind;
      const choice: ConsoleChoice = { kind, number };
      const options = { signal, timeoutMs: timeoutMs(WAIT_TIMEOUT_MS) };
      const path = wait
        ? await waitForConsole(host, domid, choice, options)
        : await getConsole(host, domid, choice, { signal });
      if (json) {
        out.json({ domid, ...choice, path });
        return;
      }
      if (show) {
        out.line(path);
        return;
      }
      if (openTerminal === undefined) {
        throw new ConfigError('CONFIG_BAD_VALUE', {
          message: `There is no terminal here to connect the console ${path} to`,
          context: { path },
        });
      }
      const end = await converse(openTerminal(), openPseudoTerminal(path), signal);
      out.progress(end === 'left' ? '\nleft the console' : '\nthe console has ended');
    },
  }),
];
