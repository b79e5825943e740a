/** What `xec` and `xec-vm` have in common: from a command line to what is printed. */
import { connectBus } from '@xenops/rpcgen/runtime';
import type { Help, Misfit } from './action.ts';
import { candidatesOf, isHelp, tryInTurn, type AnyAction, type Candidate } from './candidates.ts';
import { runToStatus, type CommandContext } from './command-context.ts';
import { renderHelp, type ProgramHelp } from './help.ts';
import type { Session } from './object-interfaces.ts';
import { readingsOf, type Reading } from './options.ts';
import type { Outcome } from './outcome.ts';
import { settingsOf } from './xec-options.ts';

/** For the bus to let us in. */
const CONNECT_TIMEOUT_MS = 10_000;

/** A command. */
export interface Program<A extends AnyAction> {
  readonly help: ProgramHelp;
  readonly readAction: (reading: Reading) => A | Help | Misfit;
  readonly perform: (session: Session, candidate: Candidate<A>) => Promise<Outcome>;
}

/** Runs a command and gives its exit status: 0, 1 with the reason on standard error, or 130 when interrupted. */
export async function runProgram<A extends AnyAction>(
  program: Program<A>,
  context: CommandContext,
): Promise<number> {
  return runToStatus(context, program.help.name, () => run(program, context));
}

async function run<A extends AnyAction>(
  program: Program<A>,
  { words, out, signal }: CommandContext,
): Promise<void> {
  const readings = readingsOf(words, program.help.options);
  const candidates = candidatesOf(readings, program.readAction);
  // At the end it is never an argument, so that nobody has to be asked.
  const [first] = words.at(-1) === '--help' ? candidates.slice(-1) : candidates;
  if (first !== undefined && isHelp(first.action)) {
    out(renderHelp(program.help, first.action.topic));
    return;
  }
  // How to connect may be said at the end, too; the last reading has all options.
  const { address, timeoutMs } = settingsOf(candidates.at(-1)?.given ?? new Map());
  await using bus = await connectBus({ address, timeoutMs: CONNECT_TIMEOUT_MS, signal });
  const session = { bus, options: { timeoutMs, signal } };
  const tried = await tryInTurn(candidates, (candidate) => program.perform(session, candidate));
  if (tried.kind === 'help') out(renderHelp(program.help, tried.topic));
  else out(textOf(tried.outcome, settingsOf(tried.given).isJson));
}

function textOf({ text, json }: Outcome, isJson: boolean): string {
  return isJson ? `${JSON.stringify(json)}\n` : text;
}
