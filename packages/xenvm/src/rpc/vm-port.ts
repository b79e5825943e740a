/**
 * What the outside of a monitor needs of what it serves: a table of tasks, a way to run one, and what happens as a
 * stream. The sockets, D-Bus and the notifications know nothing else of a VM, so that the control socket of a daemon
 * for many VMs is served by the same code.
 */
import type { EventSource } from '../notify/event-log.ts';
import type { JsonValue } from './json-text-codec.ts';

/** An argument as it came: texts from old clients and D-Bus, any of these from the persistent framing. */
export type TaskValue = string | number | boolean | readonly string[];

export type TaskArguments = Readonly<Record<string, TaskValue>>;

/** How far a task is. */
export interface TaskProgress {
  /** 0 to 1; absent while nobody can tell. */
  readonly fraction?: number;
  /** What is being done, for people. */
  readonly stage?: string;
}

/** What comes with a call. */
export interface TaskCall {
  /** Fires when the caller cancels. A caller that merely goes away does not cancel. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TaskProgress) => void;
}

/** What a task answers. */
export interface TaskOutcome {
  /** The historical answer, one text; absent for the historical "ok". */
  readonly text?: string;
  /** The same as data, for clients that can take it. */
  readonly data?: JsonValue;
}

/** An argument of a task, as clients are told of it. */
export interface TaskParameter {
  readonly name: string;
  readonly type: 'string' | 'int' | 'bool' | 'list';
  readonly isRequired: boolean;
  /** The value that stands for a missing one. */
  readonly default?: string;
  readonly doc?: string;
}

/** A task, as clients are told of it. */
export interface TaskDescription {
  /** With dashes: `get-domid`. */
  readonly name: string;
  readonly doc: string;
  /** Whether D-Bus callers get a text or nothing. */
  readonly answers: 'text' | 'nothing';
  readonly parameters: readonly TaskParameter[];
}

/** Something with tasks and events. */
export interface TaskPort {
  readonly tasks: readonly TaskDescription[];
  readonly events: EventSource;
  /**
   * Runs a task of the table. Checks the arguments and ignores unknown ones. Rejects with an error that has a `code`;
   * what `rpc-errors.ts` does not know is reported as an internal error.
   */
  runTask(name: string, args: TaskArguments, call: TaskCall): Promise<TaskOutcome>;
}
