/** One row of the table of tasks. */
import type { ErrorCode } from '@xenops/core/errors';
import type { LifeState } from '../life/states.ts';
import type { VmErrorCode } from '../life/vm-error.ts';

/** How an argument is written. */
export type ArgumentType = 'string' | 'int' | 'bool' | 'list';

/** An argument that gives a value of type `T`. */
export interface ArgumentSpec<T> {
  readonly type: ArgumentType;
  readonly isRequired: boolean;
  /** Stands for one that is missing; undefined: the task does without. */
  readonly default: T | undefined;
  /** For whole numbers. */
  readonly minimum?: number;
  readonly maximum?: number;
  readonly doc: string;
  /** Whether the checked value can be one of this argument; the last check, after that of the form. */
  isValue(value: unknown): value is T;
}

/**
 * How a task goes with others: `read` answers at once from what is known; `queue` waits for its turn, one at a time for each VM;
 * `overtake` calls off what runs and waits, and goes first.
 */
export type TaskLane = 'read' | 'queue' | 'overtake';

export interface TaskSpec<Args> {
  readonly args: { readonly [Name in keyof Args]-?: ArgumentSpec<Args[Name]> };
  /** States in which it may begin. */
  readonly states: readonly LifeState[];
  readonly lane: TaskLane;
  /** This argument, when true, makes the task overtake. */
  readonly overtakesWith?: keyof Args & string;
  /** `nothing` is the historical "ok"; `json` is a text that holds JSON. */
  readonly answer: 'nothing' | 'text' | 'json';
  /** Whether its caller can call it off; what it has done is undone then. */
  readonly isCancellable: boolean;
  /** Beyond those that every task has: of arguments, of the state, of the queue. */
  readonly errors: readonly (VmErrorCode | ErrorCode)[];
  readonly doc: string;
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isUndefined = (value: unknown): value is undefined => value === undefined;

/** A text that must be there. */
export function text(doc: string): ArgumentSpec<string> {
  return { type: 'string', isRequired: true, default: undefined, doc, isValue: isString };
}

/** A text that may be left out. */
export function maybeText(doc: string): ArgumentSpec<string | undefined> {
  return {
    ...{ type: 'string', isRequired: false, default: undefined, doc },
    isValue: (value) => isString(value) || isUndefined(value),
  };
}

/** A text with a default. */
export function textOr(defaultText: string, doc: string): ArgumentSpec<string> {
  return { type: 'string', isRequired: false, default: defaultText, doc, isValue: isString };
}

interface Bounds {
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A whole number that must be there. */
export function number(doc: string, bounds: Bounds = {}): ArgumentSpec<number> {
  return { type: 'int', isRequired: true, default: undefined, doc, ...bounds, isValue: isNumber };
}

/** A whole number with a default. */
export function numberOr(
  defaultNumber: number,
  doc: string,
  bounds: Bounds = {},
): ArgumentSpec<number> {
  return {
    type: 'int',
    isRequired: false,
    default: defaultNumber,
    doc,
    ...bounds,
    isValue: isNumber,
  };
}

/** Yes or no, with a default. */
export function flag(defaultFlag: boolean, doc: string): ArgumentSpec<boolean> {
  return { type: 'bool', isRequired: false, default: defaultFlag, doc, isValue: isBoolean };
}

/** Yes or no, or nothing said. */
export function maybeFlag(doc: string): ArgumentSpec<boolean | undefined> {
  return {
    ...{ type: 'bool', isRequired: false, default: undefined, doc },
    isValue: (value) => isBoolean(value) || isUndefined(value),
  };
}

/** Words; a single text counts as one. */
export function words(
  doc: string,
  { isRequired }: { readonly isRequired: boolean },
): ArgumentSpec<readonly string[]> {
  return {
    ...{ type: 'list', isRequired, default: [], doc },
    isValue: (value): value is readonly string[] => Array.isArray(value) && value.every(isString),
  };
}
