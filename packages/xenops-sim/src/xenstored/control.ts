/** CONTROL requests, those of the C xenstored that make sense without a process of its own. */
import type { Answer, Connection } from './connection.ts';
import { atoi } from './domain-requests.ts';
import type { DomainTable } from './domains.ts';
import {
  NODE_BYTES,
  NODES_PER_DOMAIN,
  NODES_PER_TRANSACTION,
  PATH_BYTES,
  PERMISSIONS_PER_NODE,
  TRANSACTIONS_PER_DOMAIN,
  WATCHES_PER_DOMAIN,
} from './limits.ts';
import { OK } from './node-requests.ts';

export interface ControlContext {
  readonly domains: DomainTable;
  /** Takes the text of `print`. */
  readonly print: (text: string) => void;
}

interface Command {
  readonly parameters: string;
  readonly run: (context: ControlContext, words: readonly string[]) => Answer;
}

const QUOTAS: readonly (readonly [name: string, value: number, description: string])[] = [
  ['nodes', NODES_PER_DOMAIN, 'Nodes per domain'],
  ['watches', WATCHES_PER_DOMAIN, 'Watches per domain'],
  ['transactions', TRANSACTIONS_PER_DOMAIN, 'Transactions per domain'],
  ['transaction-nodes', NODES_PER_TRANSACTION, 'Max. number of accessed nodes per transaction'],
  ['node-size', NODE_BYTES, 'Max. size of a node'],
  ['path-max', PATH_BYTES, 'Max. length of a node path'],
  ['permissions', PERMISSIONS_PER_NODE, 'Max. number of permissions per node'],
];

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['check', { parameters: '', run: (_, words) => (words.length === 0 ? OK : 'EINVAL') }],
  ['print', { parameters: '<string>', run: print }],
  ['quota', { parameters: '[<domid>]', run: quota }],
  ['help', { parameters: '', run: help }],
] as const satisfies readonly (readonly [string, Command])[]);

/** The answer to a command and its parameters. */
export function control(context: ControlContext, words: readonly string[]): Answer {
  const [name = '', ...parameters] = words;
  return COMMANDS.get(name)?.run(context, parameters) ?? 'EINVAL';
}

function print({ print: write }: ControlContext, words: readonly string[]): Answer {
  const [text] = words;
  if (text === undefined || words.length !== 1) return 'EINVAL';
  write(text);
  return OK;
}

function quota({ domains }: ControlContext, words: readonly string[]): Answer {
  const [domidText] = words;
  if (domidText === undefined) {
    return text(QUOTAS.map(([name, value, what]) => `${name.padEnd(17)}: ${pad(value)} ${what}\n`));
  }
  const domain = domains.find(atoi(domidText));
  if (domain === undefined || words.length !== 1) return words.length === 1 ? 'ENOENT' : 'EINVAL';
  const holds = (connection: Connection | undefined): readonly [string, number][] => [
    ['nodes', domain.owned.size],
    ['watches', connection?.watches.size ?? 0],
    ['transactions', connection?.transactions.size ?? 0],
  ];
  const lines = holds(domain.connection).map(
    ([name, count]) => `${name.padEnd(16)}: ${pad(count)}\n`,
  );
  return text([`Domain ${domain.domid}:\n`, ...lines]);
}

function help(_: ControlContext, words: readonly string[]): Answer {
  if (words.length > 0) return 'EINVAL';
  return text([...COMMANDS].map(([name, { parameters }]) => `${name}\t${parameters}\n`));
}

const pad = (value: number): string => String(value).padStart(8);
const text = (lines: readonly string[]): Uint8Array => Buffer.from(`${lines.join('')}\0`);
