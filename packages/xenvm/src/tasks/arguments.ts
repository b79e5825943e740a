/** From what came over the wire to what a task is called with. */
import { findInteger } from '../config/values/plain.ts';
import { VmError } from '../life/vm-error.ts';
import type { TaskArguments, TaskDescription, TaskValue } from '../rpc/vm-port.ts';
import type { TaskCalls, TaskName } from './task-calls.ts';
import { TASKS } from './task-table.ts';
import type { ArgumentSpec, TaskSpec } from './task.ts';

const NAMES = Object.keys(TASKS) as readonly TaskName[];

/** The row of a task. Throws TASK_UNKNOWN. */
export function getTask(name: string): TaskName {
  const known = NAMES.find((task) => task === name);
  if (known !== undefined) return known;
  throw new VmError('TASK_UNKNOWN', {
    message: `There is no task ${JSON.stringify(name.slice(0, 64))}; help lists them`,
    context: { task: name.slice(0, 64) },
  });
}

/** Longest text of an argument. */
const TEXT_MAX = 65_536;

/**
 * Checks arguments, which old clients send as texts and others as JSON values too. Unknown ones are ignored, as they always were. Throws
 * TASK_ARGUMENT_MISSING or TASK_ARGUMENT_INVALID.
 */
export function parseArguments<Name extends TaskName>(
  name: Name,
  given: TaskArguments,
): TaskCalls[Name] {
  const spec: TaskSpec<TaskCalls[Name]> = TASKS[name];
  const parsed: Record<string, unknown> = {};
  for (const [argument, rules] of Object.entries<ArgumentSpec<unknown>>(spec.args)) {
    const value = Object.hasOwn(given, argument) ? given[argument] : undefined;
    parsed[argument] =
      value === undefined ? missing(name, argument, rules) : checked(name, argument, rules, value);
  }
  // Each argument has passed the check of its own row.
  return parsed as TaskCalls[Name];
}

function missing(
  name: TaskName,
  argument: string,
  { isRequired, default: value }: ArgumentSpec<unknown>,
): unknown {
  if (!isRequired) return value;
  throw new VmError('TASK_ARGUMENT_MISSING', {
    message: `The task ${name} needs the argument ${argument}`,
    context: { task: name, argument },
  });
}

function checked(
  name: TaskName,
  argument: string,
  rules: ArgumentSpec<unknown>,
  given: TaskValue,
): unknown {
  const value = convert(rules, given);
  if (value !== undefined && rules.isValue(value) && isInBounds(rules, value)) return value;
  throw new VmError('TASK_ARGUMENT_INVALID', {
    message: `The argument ${argument} of the task ${name} must be ${wanted(rules)}`,
    context: { task: name, argument },
  });
}

function convert({ type }: ArgumentSpec<unknown>, given: TaskValue): unknown {
  switch (type) {
    case 'string':
      if (typeof given === 'object') return undefined;
      return isText(String(given)) ? String(given) : undefined;
    case 'int':
      return typeof given === 'string' ? findInteger(given) : given;
    case 'bool':
      return given === 'true' ? true : given === 'false' ? false : given;
    case 'list': {
      const list = typeof given === 'object' ? given : [String(given)];
      return list.every(isText) ? list : undefined;
    }
  }
}

const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= TEXT_MAX && !value.includes('\0');

function isInBounds(
  { minimum = -Infinity, maximum = Infinity }: ArgumentSpec<unknown>,
  value: unknown,
): boolean {
  if (typeof value !== 'number') return true;
  return Number.isSafeInteger(value) && value >= minimum && value <= maximum;
}

function wanted({ type, minimum, maximum }: ArgumentSpec<unknown>): string {
  switch (type) {
    case 'string':
      return `a text of up to ${TEXT_MAX} characters`;
    case 'int':
      return minimum === undefined || maximum === undefined
        ? 'a whole number'
        : `a whole number from ${minimum} to ${maximum}`;
    case 'bool':
      return 'true or false';
    case 'list':
      return 'a list of texts';
  }
}

/** The table as transports and help show it. */
export const TASK_DESCRIPTIONS: readonly TaskDescription[] = NAMES.map((name) => {
  const { doc, answer, args } = TASKS[name];
  return {
    name,
    doc,
    answers: answer === 'nothing' ? 'nothing' : 'text',
    parameters: Object.entries<ArgumentSpec<unknown>>(args).map(([argument, rules]) => ({
      name: argument,
      type: rules.type,
      isRequired: rules.isRequired,
      ...(rules.default === undefined || rules.type === 'list'
        ? {}
        : { default: JSON.stringify(rules.default).replaceAll('"', '') }),
      doc: rules.doc,
    })),
  };
});

/** The text of `help`: a line for each task, and one for each argument. */
export function helpText(): string {
  return TASK_DESCRIPTIONS.flatMap(({ name, doc, parameters }) => [
    `${name}: ${doc}`,
    ...parameters.map(({ name: argument, type, isRequired, default: value, doc: told = '' }) => {
      const need = isRequired
        ? 'needed'
        : value === undefined
          ? 'optional'
          : `${value} unless said`;
      return `    ${argument} (${type}, ${need}): ${told}`;
    }),
  ]).join('\n');
}
