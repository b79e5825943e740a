/** `xec`: properties and methods of any object on the bus, from a shell. */
import { ROOT_PATH } from '../client/names.ts';
import { readAction, type ObjectAction } from './action.ts';
import type { CommandContext } from './command-context.ts';
import { valueOf } from './options.ts';
import { perform } from './perform.ts';
import { runProgram, type Program } from './run-program.ts';
import { settingsOf, XEC_OPTIONS } from './xec-options.ts';

const XEC: Program<ObjectAction> = {
  help: {
    name: 'xec',
    usage: ['[OPTIONS] get PROPERTY | set PROPERTY VALUE | getall | METHOD [ARGUMENT...]'],
    text: 'Uses an object on the bus. Without a command it shows what the object has.',
    options: XEC_OPTIONS,
  },
  readAction,
  perform(session, { action, given }) {
    const { busName, interfaceName } = settingsOf(given);
    const path = valueOf(given, 'object') ?? ROOT_PATH;
    return perform(session, { busName, path, interfaceName }, action);
  },
};

/** Runs `xec` and gives its exit status: 0, 1 with the reason on standard error, or 130 when interrupted. */
export async function runXec(context: CommandContext): Promise<number> {
  return runProgram(XEC, context);
}
