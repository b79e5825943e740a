/** Arguments of a command line as values. */
import { parseType } from '@xenops/rpcgen';
import { XecError } from './errors.ts';
import { parseValueText, ValueTextError } from './value-text.ts';

/** Characters of an argument that an error message quotes, at most. */
const QUOTED_MAX = 60;

/** The value of that type. Throws XEC_BAD_VALUE, in which `tell` names the argument, for a text that is none. */
export function parseArgument(text: string, signature: string, tell: () => string): unknown {
  try {
    return parseValueText(text, parseType(signature));
  } catch (error) {
    if (!(error instanceof ValueTextError)) throw error;
    const { expected, index } = error;
    const shown = text.length > QUOTED_MAX ? `${text.slice(0, QUOTED_MAX)}...` : text;
    const where = index === 0 ? '' : ` at character ${index + 1}`;
    throw new XecError('XEC_BAD_VALUE', {
      message: `error parsing ${tell()}: expected ${expected}${where}, not ${JSON.stringify(shown)} (type ${signature})`,
    });
  }
}
