/** What a command line asks `xec` to do. */
import type { GivenOptions, Reading } from './options.ts';

/** To tell how to use the program, or about something. */
export interface Help {
  readonly kind: 'help';
  readonly topic: string | undefined;
}

/** What to do with an object. */
export type ObjectAction =
  | { readonly kind: 'describe' }
  | { readonly kind: 'list'; readonly what: 'interfaces' | 'methods' | 'properties' }
  | { readonly kind: 'get'; readonly property: string }
  | { readonly kind: 'get-all' }
  | { readonly kind: 'set'; readonly property: string; readonly text: string }
  /** With dashes or underscores, as it was written. */
  | { readonly kind: 'call'; readonly method: string; readonly args: readonly string[] };

/** Why a reading of the command line is none. */
export interface Misfit {
  readonly kind: 'misfit';
  readonly message: string;
}

const LISTS = ['interfaces', 'methods', 'properties'] as const;

/**
 * The action of this reading. A list ignores the command, because completion of command lines asks for it with what
 * has been written so far.
 */
export function readAction({ given, words }: Reading): ObjectAction | Help | Misfit {
  if (given.has('help')) return { kind: 'help', topic: topicOf(words) };
  const what = LISTS.find((name) => given.has(`list-${name}`));
  if (what !== undefined) return { kind: 'list', what };
  const command = commandOf(given);
  if (command === undefined) return words.length === 0 ? { kind: 'describe' } : readCommand(words);
  if (words.length > 0) return misfit('with --get or --set there is no other command');
  return readCommand(command);
}

/** The options --get and --set are the commands of that name. */
function commandOf(given: GivenOptions): readonly string[] | undefined {
  const name = ['get', 'set'].find((one) => given.has(one));
  return name === undefined ? undefined : [name, ...(given.get(name) ?? [])];
}

/** What is asked about: a method, or the property after get or set. */
function topicOf([command, name]: readonly string[]): string | undefined {
  return command === 'get' || command === 'set' ? name : command;
}

function readCommand([command = '', ...args]: readonly string[]): ObjectAction | Misfit {
  const [property, text] = args;
  switch (command) {
    case 'getall':
      return args.length === 0 ? { kind: 'get-all' } : misfit('nothing follows getall');
    case 'get':
      if (property === undefined || args.length > 1) return misfit('get takes one PROPERTY');
      return { kind: 'get', property };
    case 'set':
      if (property === undefined || text === undefined || args.length > 2) {
        return misfit('set takes one PROPERTY and its VALUE');
      }
      return { kind: 'set', property, text };
    default:
      return { kind: 'call', method: command, args };
  }
}

function misfit(message: string): Misfit {
  return { kind: 'misfit', message };
}
