/** Lines of log: `[level|who|module] text`, with the priority of syslog before it where somebody reads that. */

import { inspect } from 'node:util';

/** From the most to the least important, with the priorities of syslog(3). */
const PRIORITY = { error: 3, warn: 4, info: 6, debug: 7 } as const;

export type LogLevel = keyof typeof PRIORITY;

/** Names of the levels, for the command line. */
export const LOG_LEVELS: readonly LogLevel[] = ['error', 'warn', 'info', 'debug'];

/** What one part of the daemon logs with. Never given secrets. */
export interface Logger {
  log(level: LogLevel, text: string, error?: unknown): void;
  /** The same for a VM, or a part of it. */
  child(who: { readonly vm?: string; readonly module?: string }): Logger;
}

/** Where lines go, and which. */
export interface LogOptions {
  readonly level: LogLevel;
  /** Whether each line starts with its priority as `<6>`, as the journal and logger(1) take it. */
  readonly hasPriority: boolean;
  readonly write: (line: string) => void;
}

/** How many causes of an error a line has. */
const CAUSES_MAX = 8;

/** A logger. Texts that came from elsewhere cannot start a line of their own. */
export function createLogger(options: LogOptions, module: string, vm = '-'): Logger {
  return {
    log(level, text, error) {
      if (PRIORITY[level] > PRIORITY[options.level]) return;
      const prefix = options.hasPriority ? `<${PRIORITY[level]}>` : '';
      const line = [text, ...sentencesOf(error)].join(': ').replaceAll(/\p{Cc}/gu, '?');
      options.write(`${prefix}[${level}|${vm}|${module}] ${line}\n`);
    },
    child: (who) => createLogger(options, who.module ?? module, who.vm ?? vm),
  };
}

function sentencesOf(error: unknown): readonly string[] {
  const sentences: string[] = [];
  let at = error;
  while (at !== undefined && sentences.length < CAUSES_MAX) {
    const code = at instanceof Error && 'code' in at ? ` (${String(at.code)})` : '';
    sentences.push(at instanceof Error ? `${at.message}${code}` : inspect(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return sentences;
}
