/**
 * A VM on the bus: a name, and an object whose methods are its tasks. Each takes one dictionary of texts and answers
 * with nothing or one text, as idl/org.xen.vm.xml says. Tasks that have come since are there with typed arguments too.
 */
import {
  DbusError,
  STANDARD_ERROR,
  type Bus,
  type InterfaceDescription,
} from '@xenops/rpcgen/runtime';
import {
  codeOf,
  historicalTextsOf,
  isUnexpected,
  RequestError,
  sentenceOf,
} from '../rpc-errors.ts';
import type { TaskArguments, TaskDescription, TaskPort } from '../vm-port.ts';
import { monitorInterface } from './monitor-interface.ts';
import { memberOf, ROOT_PATH, vmBusName, vmObjectPath } from './vm-names.ts';

/** A VM to serve. */
export interface VmObjectOptions {
  readonly bus: Bus;
  readonly uuid: string;
  readonly port: TaskPort;
  /**
   * Serves it at `/` too, where the historical command looks. Only for the sole VM of a connection: with two, a call
   * without an interface would reach whichever came first.
   */
  readonly isAlone: boolean;
  /** Takes errors that are our own fault. */
  readonly report: (error: unknown) => void;
}

/** Serves the VM, then takes its name. Rejects with DBUS_NAME_TAKEN when another monitor has it. */
export async function serveVmObject(options: VmObjectOptions): Promise<AsyncDisposable> {
  const { bus, uuid, port, isAlone, report } = options;
  const name = vmBusName(uuid);
  const description = describeInterface(name, port.tasks);
  const methods = Object.fromEntries(
    port.tasks.map((task) => {
      const handle = (args: ReadonlyMap<string, string>): Promise<string | undefined> =>
        runTask(task, Object.fromEntries(args));
      return [memberOf(task.name), handle] as const;
    }),
  );
  const monitor = monitorInterface(port.tasks, runTask);
  const paths = [vmObjectPath(uuid), ...(isAlone ? [ROOT_PATH] : [])];
  const exported = [
    ...paths.map((path) => bus.objects.export(path, description, { methods })),
    bus.objects.export(vmObjectPath(uuid), monitor.description, { methods: monitor.methods }),
  ];
  const unexport = (): void => {
    for (const one of exported) one.unexport();
  };
  try {
    await bus.requestName(name);
  } catch (error) {
    unexport();
    throw error;
  }
  return {
    async [Symbol.asyncDispose]() {
      unexport();
      await bus.releaseName(name);
    },
  };

  async function runTask(
    { name: task, answers }: TaskDescription,
    args: TaskArguments,
  ): Promise<string | undefined> {
    // A caller on the bus cannot cancel, and may be gone when the task ends.
    const { signal } = new AbortController();
    const call = { signal, onProgress: () => undefined };
    try {
      const { text } = await port.runTask(task, args, call);
      return answers === 'text' ? (text ?? '') : undefined;
    } catch (error) {
      if (isUnexpected(error)) report(error);
      throw dbusErrorOf(error);
    }
  }
}

/** The error as callers see it; parts of the text are what historical clients recognise it by. */
export function dbusErrorOf(error: unknown): DbusError {
  if (error instanceof RequestError) {
    return new DbusError(STANDARD_ERROR.invalidArgs, error.message, { cause: error });
  }
  const historical = historicalTextsOf(error)?.rendered;
  const sentence = sentenceOf(error);
  const text = historical === undefined ? sentence : `exception: ${historical}: ${sentence}`;
  const code = codeOf(error);
  const name = code === undefined ? STANDARD_ERROR.failed : `org.xen.vm.Error.${pascal(code)}`;
  return new DbusError(name, text, { cause: error });
}

/** `DOMAIN_NO_MEMORY` is `DomainNoMemory`. */
function pascal(code: string): string {
  return code.replaceAll(/([A-Z0-9])([A-Z0-9]*)_?/g, (_, first: string, rest: string) => {
    return first + rest.toLowerCase();
  });
}

function describeInterface(name: string, tasks: readonly TaskDescription[]): InterfaceDescription {
  const methods = tasks.map(({ name: task, answers }) => {
    return [memberOf(task), { input: 'a{ss}', output: answers === 'text' ? 's' : '' }] as const;
  });
  return {
    name,
    xml: `<interface name="${name}">\n${tasks.map(methodXml).join('')}  </interface>`,
    methods: Object.fromEntries(methods),
    signals: {},
    properties: {},
    errors: [],
  };
}

function methodXml({ name, answers, doc }: TaskDescription): string {
  const comment = doc.replaceAll('--', '- -').replaceAll(/\p{Cc}/gu, ' ');
  const result = answers === 'text' ? '      <arg name="rval" type="s" direction="out"/>\n' : '';
  return `    <method name="${memberOf(name)}">
      <!-- ${comment} -->
      <arg name="params" type="a{ss}" direction="in"/>
${result}    </method>
`;
}
