/** How an error looks to the user: what failed in one sentence, then each reason below it, indented. */
import { inspect } from 'node:util';

/** Depth at which a chain of causes is cut; ours have two or three. */
const CAUSES_MAX = 8;

/** Lines for a terminal. Control characters that came from elsewhere are made visible. */
export function errorLines(error: unknown): readonly string[] {
  const log = contextOf(error)['log'];
  const logLines = typeof log === 'string' && log !== '' ? log.split('\n') : [];
  return [
    `xenops: ${printable(messageOf(error))}`,
    ...reasonLines(error, 1),
    ...logLines.map((line) => `  libxc: ${printable(line)}`),
  ];
}

/** The same as one line of JSON, for `--json`. */
export function errorJson(error: unknown): string {
  return JSON.stringify({ error: plain(error, 0) }, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** Everything that is known, for `--debug`. */
export function errorDetails(error: unknown): string {
  return inspect(error, { depth: 6 }).split('\n').map(printable).join('\n');
}

/** Foreign text on one line of a terminal: control and direction characters become visible escapes. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}

/** Why it failed: the cause, or each part of an error that has several, deeper ones further in. */
function reasonLines(error: unknown, depth: number): readonly string[] {
  if (depth > CAUSES_MAX) return [];
  return reasonsOf(error).flatMap((reason) => [
    `${'  '.repeat(depth)}because: ${printable(messageOf(reason))}`,
    ...reasonLines(reason, depth + 1),
  ]);
}

function reasonsOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return [];
  const parts: readonly unknown[] = error instanceof AggregateError ? error.errors : [];
  const reasons = error.cause === undefined ? parts : [...parts, error.cause];
  // A collection without a word of its own only stands for what is in it.
  return reasons.flatMap((reason) =>
    reason instanceof AggregateError && reason.message === '' ? reasonsOf(reason) : [reason],
  );
}

function plain(error: unknown, depth: number): unknown {
  const reasons = depth >= CAUSES_MAX ? [] : reasonsOf(error);
  return {
    code: error instanceof Error && 'code' in error ? error.code : 'UNEXPECTED',
    message: messageOf(error),
    context: contextOf(error),
    ...(reasons.length === 0 ? {} : { causes: reasons.map((reason) => plain(reason, depth + 1)) }),
  };
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === '' ? error.name : error.message;
}

function contextOf(error: unknown): Readonly<Record<string, unknown>> {
  const context = error instanceof Error && 'context' in error ? error.context : undefined;
  return typeof context === 'object' && context !== null ? { ...context } : {};
}
