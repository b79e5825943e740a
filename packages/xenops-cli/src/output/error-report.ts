/** How an error looks to the user: what failed in one sentence, then each reason below it, indented. */
import { inspect } from 'node:util';

/** Depth at which a chain of causes is cut; ours have two or three. */
const CAUSES_MAX = 8;

/** Lines for a terminal. Control characters that came from elsewhere are made visible. */
export function errorLines(error: unknown): readonly string[] {
  const lines = [`xenops: ${printable(messageOf(error))}`];
  for (const cause of causesOf(error)) lines.push(`  because: ${printable(messageOf(cause))}`);
  const log = contextOf(error)['log'];
  if (typeof log === 'string' && log !== '') {
    for (const line of log.split('\n')) lines.push(`  libxc: ${printable(line)}`);
  }
  return lines;
}

/** The same as one line of JSON, for `--json`. */
export function errorJson(error: unknown): string {
  return JSON.stringify({ error: plain(error) }, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** Everything that is known, for `--debug`. */
export function errorDetails(error: unknown): string {
  return inspect(error, { depth: 6 });
}

function plain(error: unknown): unknown {
  const [cause] = causesOf(error);
  return {
    code: error instanceof Error && 'code' in error ? error.code : 'UNEXPECTED',
    message: messageOf(error),
    context: contextOf(error),
    ...(cause === undefined ? {} : { cause: plain(cause) }),
  };
}

function causesOf(error: unknown): readonly unknown[] {
  const causes: unknown[] = [];
  let current = error;
  while (causes.length < CAUSES_MAX && current instanceof Error && current.cause !== undefined) {
    causes.push(current.cause);
    current = current.cause;
  }
  return causes;
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) {
    const parts: readonly unknown[] = error.errors;
    return [error.message, ...parts.map(messageOf)].filter((text) => text !== '').join('; ');
  }
  return error instanceof Error ? error.message : String(error);
}

function contextOf(error: unknown): Readonly<Record<string, unknown>> {
  const context = error instanceof Error && 'context' in error ? error.context : undefined;
  return typeof context === 'object' && context !== null ? { ...context } : {};
}

function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
  });
}
