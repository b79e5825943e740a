/** One task over D-Bus, as managers call it. */
import { connectBus } from '@xenops/rpcgen/runtime';
import { memberOf, vmBusName, vmObjectPath } from '../rpc/dbus/vm-names.ts';
import { TASK_DESCRIPTIONS } from '../tasks/arguments.ts';
import type { TaskDescription } from '../rpc/vm-port.ts';

/** What to call. */
export interface DbusCallOptions {
  readonly address: 'system' | 'session';
  readonly uuid: string;
  readonly task: string;
  readonly args?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** The tasks that the monitor has; ours unless said. */
  readonly tasks?: readonly TaskDescription[];
}

/** The text that the task answers; undefined for "ok". Rejects with DbusError and BusError of rpcgen's run-time. */
export async function callOverDbus(options: DbusCallOptions): Promise<string | undefined> {
  const { address, uuid, task, args = {}, timeoutMs, signal, tasks = TASK_DESCRIPTIONS } = options;
  const answers = tasks.find(({ name }) => name === task)?.answers ?? 'nothing';
  const until = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
  const bus = await connectBus({ address, ...until });
  try {
    const target = {
      destination: vmBusName(uuid),
      path: vmObjectPath(uuid),
      interface: vmBusName(uuid),
      member: memberOf(task),
      input: 'a{ss}',
      output: answers === 'text' ? 's' : '',
    };
    const [text] = await bus.call(target, [new Map(Object.entries(args))], until);
    return typeof text === 'string' ? text : undefined;
  } finally {
    await bus.close();
  }
}
