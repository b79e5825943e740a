import type { JsonValue } from './json-value.ts';

/** What a command has brought about: the text to print, with its newlines, and the same as data. */
export interface Outcome {
  readonly text: string;
  readonly json: JsonValue;
}
