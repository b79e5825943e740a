/**
 * The three texts that one declaration can become: TypeScript, JavaScript without types, and the declarations of
 * that JavaScript. One printer makes all of them, so that they cannot differ.
 */

import type { CodeWriter } from '../../emit/writer.ts';

/** `ts` TypeScript, `js` an ES module, `dts` its declarations. */
export type Form = 'ts' | 'js' | 'dts';

/** A parameter of a function. */
export interface Parameter {
  readonly name: string;
  readonly type: string;
  readonly isOptional?: boolean;
}

/** A function or method. */
export interface Callable {
  /** What comes before the parameters: `export function f`, or the name of a method. */
  readonly head: string;
  readonly parameters: readonly Parameter[];
  /** The type of the result; empty for a constructor. */
  readonly result: string;
  readonly body: string;
}

/** Prints a function; the form decides whether with types and whether with its body. */
export function renderCallable(
  form: Form,
  { head, parameters, result, body }: Callable,
): readonly string[] {
  const list = parameters
    .map(({ name, type, isOptional }) =>
      form === 'js' ? name : `${name}${isOptional === true ? '?' : ''}: ${type}`,
    )
    .join(', ');
  const typed = form === 'js' || result === '' ? '' : `: ${result}`;
  const start = `${head}(${list})${typed}`;
  return form === 'dts' ? [`${start};`] : [`${start} {`, `  ${body}`, '}'];
}

/** Gives a text as a string literal of JavaScript. */
export function quoted(text: string): string {
  const inside = JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'");
  return `'${inside.replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')}'`;
}

/** Gives a property name of an object: bare where that is allowed. */
export function propertyKey(name: string): string {
  // Written plainly it would set the prototype.
  if (name === '__proto__') return "['__proto__']";
  // `new(...)` in a type is a constructor and no method.
  return name !== 'new' && /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? name : quoted(name);
}

/** Writes lines, of which there may be none. */
export function writeLines(writer: CodeWriter, lines: readonly string[]): void {
  if (lines.length > 0) writer.line(...lines);
}
