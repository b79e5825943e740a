/** Tasks that have come since the interface of old, with typed arguments: idl/org.xen.vm.monitor.xml. */
import type { InterfaceDescription } from '@xenops/rpcgen/runtime';
import type { TaskDescription, TaskValue } from '../vm-port.ts';
import { memberOf } from './vm-names.ts';

/** The same for all VMs. */
export const MONITOR_INTERFACE = 'org.xen.vm.Monitor';

/** An argument by its name, and the D-Bus type it has. */
type Argument = readonly [name: string, type: 's' | 'u'];

/** Each task with its arguments, in their order. */
const ARGUMENTS: Readonly<Record<string, readonly Argument[]>> = {
  checkpoint: [['file', 's']],
  'get-info': [],
  'get-config': [['which', 's']],
  'set-vcpus': [['count', 'u']],
};

/** Runs a task, and gives its text or nothing. */
export type RunTask = (
  task: TaskDescription,
  args: Readonly<Record<string, TaskValue>>,
) => Promise<string | undefined>;

/** The interface, with a method for each of its tasks that there is. */
export function monitorInterface(
  tasks: readonly TaskDescription[],
  run: RunTask,
): {
  readonly description: InterfaceDescription;
  readonly methods: Readonly<Record<string, (...values: readonly TaskValue[]) => Promise<unknown>>>;
} {
  const found = tasks.flatMap((task) => {
    const args = Object.entries(ARGUMENTS).find(([name]) => name === task.name)?.[1];
    return args === undefined ? [] : [{ task, args, member: memberOf(task.name) }];
  });
  return {
    description: {
      name: MONITOR_INTERFACE,
      xml: `<interface name="${MONITOR_INTERFACE}">\n${found.map(methodXml).join('')}  </interface>`,
      methods: Object.fromEntries(
        found.map(({ member, args, task }) => [
          member,
          { input: args.map(([, type]) => type).join(''), output: outputOf(task) },
        ]),
      ),
      signals: {},
      properties: {},
      errors: [],
    },
    methods: Object.fromEntries(
      found.map(({ member, args, task }) => [
        member,
        (...values) =>
          run(task, Object.fromEntries(args.map(([name], index) => [name, values[index] ?? '']))),
      ]),
    ),
  };
}

function outputOf({ answers }: TaskDescription): string {
  return answers === 'text' ? 's' : '';
}

interface FoundTask {
  readonly task: TaskDescription;
  readonly args: readonly Argument[];
  readonly member: string;
}

function methodXml({ task, args, member }: FoundTask): string {
  const input = args.map(
    ([name, type]) => `      <arg name="${name}" type="${type}" direction="in"/>\n`,
  );
  const output =
    task.answers === 'text'
      ? [`      <arg name="${member.replace(/^get_/, '')}" type="s" direction="out"/>\n`]
      : [];
  return `    <method name="${member}">\n${[...input, ...output].join('')}    </method>\n`;
}
