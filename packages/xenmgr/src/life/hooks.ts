/** Hooks of a VM: programs and D-Bus calls in a property, run without a shell and with a time limit. */
import { ManagerError } from '../manager/manager-error.ts';
import type { RunProgram } from '../manager/programs.ts';
import type { Bus } from '@xenops/rpcgen/runtime';
import type { Logger } from '@xenops/core/daemon';

/** What one item of a hook does. */
export type HookItem =
  | { readonly kind: 'program'; readonly path: string }
  | {
      readonly kind: 'call';
      readonly destination: string;
      readonly path: string;
      readonly interface: string;
      readonly member: string;
      /** The VM inside which the bus is; undefined for our own. */
      readonly vm: string | undefined;
    };

/** For each item. */
export const HOOK_TIMEOUT_MS = 60_000;
/** For a hook in place of the start, which starts the VM. */
export const START_HOOK_TIMEOUT_MS = 900_000;
/** Of what a program says, in the log. */
const LOGGED_CHARACTERS_MAX = 2000;
const CALL = 'rpc:';

/** The items of a hook. Throws ManagerError BAD_VALUE, which names the item that makes no sense. */
export function parseHook(text: string): readonly HookItem[] {
  return text
    .split(';')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => (item.startsWith(CALL) ? parseCall(item) : parseProgram(item)));
}

function parseProgram(item: string): HookItem {
  if (item.startsWith('/') && !/\p{Cc}/u.test(item)) return { kind: 'program', path: item };
  throw malformed(item, 'a program is named by its absolute path');
}

function parseCall(item: string): HookItem {
  const words = new Map(
    item
      .slice(CALL.length)
      .split(',')
      .map((word): [string, string] => {
        const at = word.indexOf('=');
        const [name, value] = [word.slice(0, at), word.slice(at + 1)];
        return [
          name.replaceAll(/\s/g, ''),
          value.replaceAll(/\s/g, '').replaceAll(/^["']|["']$/g, ''),
        ];
      }),
  );
  const [destination, owner, member] = ['destination', 'interface', 'member'].map((word) =>
    words.get(word),
  );
  if (!destination || !owner || !member) {
    throw malformed(item, 'a call has a destination, an interface and a member');
  }
  const path = words.get('objpath') ?? '/';
  return { kind: 'call', destination, path, interface: owner, member, vm: words.get('vm') };
}

function malformed(item: string, expected: string): ManagerError {
  return new ManagerError('BAD_VALUE', {
    message: `The hook ${JSON.stringify(item.slice(0, 200))} makes no sense: ${expected}`,
  });
}

/** With what hooks are run. */
export interface HookRunner {
  readonly run: RunProgram;
  readonly bus: Pick<Bus, 'call'>;
  readonly log: Logger;
}

/**
 * Runs the items one after the other, each with these arguments behind its own. Rejects with ManagerError IO, TIMEOUT or
 * BAD_VALUE for the first one that fails.
 */
export async function runHookText(
  runner: HookRunner,
  text: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  for (const item of parseHook(text)) {
    if (item.kind === 'program') await runItem(runner, item.path, args, options);
    else await callItem(runner, item, args, options);
  }
}

async function runItem(
  { run, log }: HookRunner,
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const said = (await run(program, args, options)).trim().slice(0, LOGGED_CHARACTERS_MAX);
  if (said !== '') log.log('info', `${program} says: ${said}`);
}

async function callItem(
  { bus }: HookRunner,
  item: Extract<HookItem, { kind: 'call' }>,
  args: readonly string[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { destination, path, member, vm } = item;
  if (vm !== undefined) {
    throw new ManagerError('IO', {
      message: `A hook calls the bus inside the VM ${vm}, and this host has no transport to it`,
      context: { vm, member },
    });
  }
  const target = {
    destination,
    path,
    interface: item.interface,
    member,
    input: 's'.repeat(args.length),
    output: '',
    noReply: false,
  };
  try {
    await bus.call(target, args, { timeoutMs, signal });
  } catch (cause) {
    if (isOtherAnswer(cause)) return;
    throw new ManagerError('IO', {
      message: `The hook ${item.interface}.${member} of ${destination} failed`,
      context: { destination, path, member },
      cause,
    });
  }
}

/** It has been done; what it answers besides is nobody's business. */
function isOtherAnswer(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'DBUS_UNEXPECTED_SIGNATURE';
}
