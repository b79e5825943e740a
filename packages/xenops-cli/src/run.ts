/** From the words of a command line to an exit status: find the command, parse, open the host, run, report. */
import { connect, type ConnectOptions } from '@xenops/core/connect';
import { recoverBuilds } from '@xenops/core/domain';
import { XenopsError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import { commandFirst } from './argv.ts';
import { COMMANDS, findCommand } from './commands/command-table.ts';
import type { Command, CommandContext } from './commands/command.ts';
import { EXIT, exitStatus } from './exit-status.ts';
import { planHost } from './host-views/plan-host.ts';
import { planLines } from './host-views/plan-step.ts';
import { traceHost } from './host-views/trace-host.ts';
import { commandOutput, type Streams } from './output/command-output.ts';
import { errorDetails, errorJson, errorLines, printable } from './output/error-report.ts';
import { commandHelp, parseCommand, type GlobalValues, type Parsed } from './parse-command.ts';
import type { Terminal } from './terminal/converse.ts';

/** What the program runs in. */
export interface Invocation {
  /** The name it was called by: a link named after a command is that command. */
  readonly program: string;
  readonly words: readonly string[];
  readonly streams: Streams;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Opens the host; only tests bring their own. */
  readonly openHost?: (options: ConnectOptions) => Promise<Host>;
  /** Where the user sits, if anywhere. */
  readonly openTerminal?: (() => Terminal) | undefined;
}

/** Runs one command and tells its exit status. Never throws. */
export async function run(invocation: Invocation): Promise<number> {
  const { program, words, streams } = invocation;
  const linked = findCommand(program);
  const [first, ...rest] = commandFirst(words);
  if (first === undefined || (linked === undefined && isHelp(first))) {
    return help(rest, streams);
  }
  const row = linked ?? findCommand(first);
  if (row === undefined) {
    streams.err.write(
      `xenops: unknown command "${printable(first)}"; the commands are:\n${commandList()}`,
    );
    return EXIT.failed;
  }
  return report(invocation, row, parseCommand(row, linked === undefined ? rest : words));
}

const isHelp = (word: string): boolean => ['help', '--help', '-help', '-h'].includes(word);

async function report(invocation: Invocation, row: Command, parsed: Parsed): Promise<number> {
  const { out } = invocation.streams;
  switch (parsed.kind) {
    case 'help':
      out.write(parsed.text);
      return EXIT.done;
    case 'bad-option':
    case 'bad-argument':
      return reportUsage(invocation, row, parsed);
    case 'run':
      try {
        await execute(invocation, row, parsed);
        return EXIT.done;
      } catch (error) {
        reportError(error, parsed.global, invocation.streams);
        return exitStatus(error);
      }
  }
}

/** What cannot be parsed. The line about an argument is the historical one, which scripts may look for. */
function reportUsage(
  { words, streams: { err } }: Invocation,
  row: Command,
  parsed: Extract<Parsed, { kind: 'bad-option' | 'bad-argument' }>,
): number {
  const isOption = parsed.kind === 'bad-option';
  const message = isOption
    ? `xenops ${row.name}: ${printable(parsed.message)}; xenops help ${row.name} lists them all`
    : `error: "${parsed.name}" argument is not valid`;
  const cause = isOption ? undefined : parsed.cause;
  if (words.some((word) => word === '--json' || word === '-json')) {
    err.write(`${errorJson(new XenopsError('USAGE', { message, cause }))}\n`);
  } else {
    const why = cause === undefined ? [] : errorLines(cause);
    err.write(`${[message, ...why].join('\n')}\n`);
  }
  return isOption ? EXIT.usage : EXIT.failed;
}

async function execute(
  { environment, streams, signal, openTerminal, openHost = connect }: Invocation,
  row: Command,
  { values, words, global }: Extract<Parsed, { kind: 'run' }>,
): Promise<void> {
  await using opened = await openHost({
    uri:
      global.connect ??
      (environment['XENOPS_CONNECT'] === '' ? undefined : environment['XENOPS_CONNECT']),
    xenstoredPath: environment['XENSTORED_PATH'],
  });
  const host = global.verbose
    ? traceHost(opened, (line) => void streams.err.write(`${line}\n`))
    : opened;
  const context: CommandContext = {
    out: commandOutput(streams),
    json: global.json,
    plan: global.plan,
    signal,
    words,
    openTerminal,
    timeoutMs: (defaultMs) => global.timeoutMs ?? defaultMs,
  };
  if (global.plan) {
    await showPlan(row, host, values, context);
    return;
  }
  if (row.changes) {
    for (const domid of await recoverBuilds(host)) {
      streams.err.write(
        `xenops: the build of domain ${domid} had been cut off; the domain is empty again\n`,
      );
    }
  }
  await row.run(host, values, context);
}

const SILENT: CommandContext['out'] = {
  line: () => undefined,
  raw: () => undefined,
  json: () => undefined,
  progress: () => undefined,
};

/** Runs the command on a host where nothing happens, and prints what it would have done. */
async function showPlan(
  row: Command,
  host: Host,
  values: Parameters<Command['run']>[1],
  context: CommandContext,
): Promise<void> {
  const plan = planHost(host);
  try {
    await row.run(plan.host, values, { ...context, out: SILENT });
  } catch (error) {
    // What it says about a wait that nobody will end is no failure.
    if (!plan.recorder.isEnded) throw error;
  }
  if (context.json) context.out.json(plan.steps());
  else for (const line of planLines(plan.steps())) context.out.line(line);
}

function reportError(error: unknown, { json, debug }: GlobalValues, { err }: Streams): void {
  err.write(`${json ? errorJson(error) : errorLines(error).join('\n')}\n`);
  if (debug) err.write(`${errorDetails(error)}\n`);
}

function help([name]: readonly string[], { out, err }: Streams): number {
  if (name === undefined) {
    out.write(
      `usage: xenops COMMAND [OPTIONS]\n\n${commandList()}\nxenops help COMMAND lists the options of one.\n`,
    );
    return EXIT.done;
  }
  const row = findCommand(name);
  if (row === undefined) {
    err.write(`xenops: unknown command "${printable(name)}"; xenops help lists them all\n`);
    return EXIT.failed;
  }
  out.write(commandHelp(row));
  return EXIT.done;
}

function commandList(): string {
  const names = COMMANDS.map(({ name, aliases }) => [name, ...aliases].join(', '));
  const width = Math.max(...names.map((text) => text.length));
  return COMMANDS.map(
    ({ summary }, index) => `  ${names[index]?.padEnd(width)}  ${summary}\n`,
  ).join('');
}
