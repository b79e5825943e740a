/** `xenvm-cmd`: one task, its answer on standard output. */
import { hasCode } from '@xenops/core/errors';
import { BusError, DbusError } from '@xenops/rpcgen/runtime';
import { textOf } from '../rpc/json-text-codec.ts';
import type { TaskProgress } from '../rpc/vm-port.ts';
import { parseCommandLine, USAGE, type CommandLine } from './command-line.ts';
import { callOverDbus } from './dbus-call.ts';
import { RemoteTaskError } from './remote-task-error.ts';
import { vmSocketPath } from './socket-path.ts';
import { connectVm } from './vm-client.ts';
import { watchVm } from './watch-vm.ts';

const STATUS_DONE = 0;
const STATUS_FAILED = 1;

/** What the command gets from its process. */
export interface CommandContext {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Fires when the user interrupts. */
  readonly signal: AbortSignal;
}

/** Runs the command and gives its exit status: 0, or 1 with the reason on standard error, as it always was. */
export async function runCommand(context: CommandContext): Promise<number> {
  const { words, env, out, err, signal } = context;
  let command: CommandLine | 'help';
  try {
    command = parseCommandLine(words, env);
  } catch (error) {
    err(`error: ${messageOf(error)}\n${USAGE}`);
    return STATUS_FAILED;
  }
  if (command === 'help') {
    out(USAGE);
    return STATUS_DONE;
  }
  try {
    if (command.task === 'watch') await watch(command, context);
    else await call(command, context);
    return STATUS_DONE;
  } catch (error) {
    if (signal.aborted && command.task === 'watch') return STATUS_DONE;
    err(command.isJson ? errorJson(error) : `${errorText(error)}\n`);
    return STATUS_FAILED;
  }
}

async function call(
  command: CommandLine,
  { env, out, err, signal }: CommandContext,
): Promise<void> {
  const { uuid, task, args, timeoutMs, bus, isJson, wantsProgress } = command;
  if (command.transport === 'dbus') {
    const text = await callOverDbus({ address: bus, uuid, task, args, timeoutMs, signal });
    if (text !== undefined) out(`${text}\n`);
    return;
  }
  const socketPath = vmSocketPath(uuid, env['XENVM_SOCKET_DIR']);
  await using client = await connectVm({ socketPath, timeoutMs, signal });
  const onProgress = wantsProgress
    ? (progress: TaskProgress): void => err(progressLine(progress))
    : undefined;
  const result = await client.call(task, args, { timeoutMs, signal, onProgress, isText: !isJson });
  if (isJson) out(`${JSON.stringify(result)}\n`);
  else if (result !== null) out(`${textOf(result)}\n`);
}

/** One JSON object per line, so that scripts can read it too. */
async function watch(command: CommandLine, { env, out, signal }: CommandContext): Promise<void> {
  const { uuid, timeoutMs } = command;
  const socketPath = vmSocketPath(uuid, env['XENVM_SOCKET_DIR']);
  // The first connection must work; later ones are tried again.
  await using _probe = await connectVm({ socketPath, timeoutMs, signal });
  for await (const item of watchVm({ socketPath, timeoutMs, signal })) {
    out(`${JSON.stringify(item)}\n`);
  }
}

function progressLine({ fraction, stage = '' }: TaskProgress): string {
  const percent = fraction === undefined ? '' : `${Math.round(fraction * 100)} % `;
  return `${percent}${stage}\n`;
}

/** The sentences that scripts know. */
function errorText(error: unknown): string {
  if (error instanceof RemoteTaskError) {
    return `error: ${[error.message, ...error.causes].join(': ')}`;
  }
  if (error instanceof DbusError) {
    return error.errorName.endsWith('.ServiceUnknown') ||
      error.errorName.endsWith('.NameHasNoOwner')
      ? 'cannot send command to xenvm. it is dead ?'
      : `error: ${error.message}`;
  }
  if (hasCode(error, 'TIMEOUT')) return 'timeout';
  if (hasCode(error, 'CONNECT_FAILED')) return 'cannot send command to xenvm. it is dead ?';
  if (error instanceof BusError) return `receive exception: ${messageOf(error)}`;
  return `error: ${messageOf(error)}`;
}

function errorJson(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : 'UNEXPECTED';
  const isRemote = error instanceof RemoteTaskError;
  const rest = isRemote ? { context: error.context, causes: error.causes } : {};
  return `${JSON.stringify({ error: { code, message: messageOf(error), ...rest } })}\n`;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
