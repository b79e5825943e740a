/**
 * CONTROL requests with the commands, the answers and the words of the C xenstored (tools/xenstore/xenstored_control.c).
 * A `live-update` never starts, because there is no process that could take over: its steps are refused in words, as the
 * C daemon refuses them.
 */
import type { Answer, Connection } from './connection.ts';
import { memoryBytesOf, type DomainTable, type StoreDomain } from './domains.ts';
import { atoi } from './node-path.ts';
import { OK } from './node-requests.ts';
import type { Quotas } from './quotas.ts';
import type { TraceLog } from './trace-log.ts';
import { findTreeFaults } from './tree-check.ts';
import type { Tree } from './tree.ts';

export interface ControlContext {
  readonly tree: Tree;
  readonly domains: DomainTable;
  readonly quotas: Quotas;
  readonly trace: TraceLog;
  /** Takes the text of `print`, and what `check` finds. */
  readonly log: (text: string) => void;
}

interface Command {
  readonly parameters: string;
  readonly run: (context: ControlContext, words: readonly string[]) => Answer;
}

type QuotaRow = readonly [name: string, key: keyof Quotas, description: string];

const HARD_QUOTAS: readonly QuotaRow[] = [
  ['nodes', 'nodes', 'Nodes per domain'],
  ['watches', 'watches', 'Watches per domain'],
  ['transactions', 'transactions', 'Transactions per domain'],
  ['outstanding', 'outstanding', 'Outstanding requests per domain'],
  ['transaction-nodes', 'transactionNodes', 'Max. number of accessed nodes per transaction'],
  ['memory', 'memoryBytes', 'Total Xenstore memory per domain (error level)'],
  ['node-size', 'nodeBytes', 'Max. size of a node'],
  ['path-max', 'pathBytes', 'Max. length of a node path'],
  ['permissions', 'permissions', 'Max. number of permissions per node'],
];
const SOFT_QUOTAS: readonly QuotaRow[] = [
  ['memory', 'memoryWarningBytes', 'Total Xenstore memory per domain (warning level)'],
];

const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ['check', { parameters: '', run: check }],
  ['log', { parameters: 'on|off', run: log }],
  [
    'live-update',
    {
      parameters: '[-c <cmdline>] [-F] [-t <timeout>] <file>\n    Default timeout is 60 seconds.',
      run: liveUpdate,
    },
  ],
  ['logfile', { parameters: '<file>', run: logFile }],
  ['memreport', { parameters: '[<file>]', run: memoryReport }],
  ['print', { parameters: '<string>', run: print }],
  ['quota', { parameters: '[set <name> <val>|<domid>]', run: quota }],
  ['quota-soft', { parameters: '[set <name> <val>]', run: softQuota }],
  ['help', { parameters: '', run: help }],
] as const satisfies readonly (readonly [string, Command])[]);

/** The answer to a command and its parameters. */
export function control(context: ControlContext, words: readonly string[]): Answer {
  const [name = '', ...parameters] = words;
  return COMMANDS.get(name)?.run(context, parameters) ?? 'EINVAL';
}

function check({ tree, log: write }: ControlContext, words: readonly string[]): Answer {
  if (words.length > 0) return 'EINVAL';
  for (const fault of findTreeFaults(tree)) write(`check: ${fault}`);
  return OK;
}

function log({ trace }: ControlContext, words: readonly string[]): Answer {
  const [word] = words;
  if (words.length !== 1 || (word !== 'on' && word !== 'off')) return 'EINVAL';
  trace[word]();
  return OK;
}

function logFile({ trace }: ControlContext, words: readonly string[]): Answer {
  const [path] = words;
  if (path === undefined || words.length !== 1) return 'EINVAL';
  trace.setFile(path);
  return OK;
}

/** Adds to a file, or to the trace, what the store holds of each domain. */
function memoryReport(context: ControlContext, words: readonly string[]): Answer {
  if (words.length > 1) return 'EINVAL';
  const { tree, domains, trace } = context;
  const lines = domains.list().map((domain) => usageLines(context, domain).join(''));
  const report = `${tree.size} nodes\n${lines.join('')}`;
  // EBADF of the C daemon, which has no name on the wire.
  return trace.report(report, words[0]) ? OK : 'EINVAL';
}

function liveUpdate(_: ControlContext, [step, ...words]: readonly string[]): Answer {
  switch (step) {
    case '-f':
      return words.length === 1 ? text(['The embedded xenstored cannot be replaced.']) : 'EINVAL';
    case '-a':
      return words.length === 0 ? text(['No live-update session active.']) : 'EINVAL';
    case '-c':
      return words.length === 1 ? text(['Not in live-update session.']) : 'EINVAL';
    case '-s':
      return text(['Not in live-update session.']);
    default:
      return 'EINVAL';
  }
}

function print({ log: write }: ControlContext, words: readonly string[]): Answer {
  const [what] = words;
  if (what === undefined || words.length !== 1) return 'EINVAL';
  write(`control: ${what}`);
  return OK;
}

function quota(context: ControlContext, words: readonly string[]): Answer {
  const [first, ...more] = words;
  if (first === undefined) return listQuotas(context, HARD_QUOTAS);
  if (first === 'set') return setQuota(context, HARD_QUOTAS, more);
  if (more.length > 0) return 'EINVAL';
  const domain = context.domains.find(atoi(first) >>> 0);
  return domain === undefined ? 'ENOENT' : usage(context, domain);
}

function softQuota(context: ControlContext, words: readonly string[]): Answer {
  const [first, ...more] = words;
  if (first === undefined) return listQuotas(context, SOFT_QUOTAS);
  return first === 'set' ? setQuota(context, SOFT_QUOTAS, more) : 'EINVAL';
}

function listQuotas({ quotas }: ControlContext, rows: readonly QuotaRow[]): Answer {
  const lines = rows.map(
    ([name, key, what]) => `${name.padEnd(17)}: ${pad(quotas[key])} ${what}\n`,
  );
  return text(['Quota settings:\n', ...lines]);
}

function setQuota(
  { quotas }: ControlContext,
  rows: readonly QuotaRow[],
  words: readonly string[],
): Answer {
  const [name, valueText = '', ...more] = words;
  const value = atoi(valueText);
  const row = rows.find(([known]) => known === name);
  if (row === undefined || value < 1 || more.length > 0) return 'EINVAL';
  quotas[row[1]] = value;
  return OK;
}

/** What a domain holds, as `quota DOMID` shows it. */
function usage(context: ControlContext, domain: StoreDomain): Answer {
  return text(usageLines(context, domain));
}

function usageLines({ tree, domains }: ControlContext, domain: StoreDomain): readonly string[] {
  const connection: Connection | undefined = domain.connection;
  const counts: readonly (readonly [string, number])[] = [
    ['nodes', domain.domid === 0 ? tree.size - ownedByGuests(domains) : domain.owned.size],
    ['watches', connection?.watches.size ?? 0],
    ['transactions', connection?.transactions.size ?? 0],
    ['outstanding', connection?.sink.waitingReplies ?? 0],
    ['memory', memoryBytesOf(domain)],
  ];
  const lines = counts.map(([name, count]) => `${name.padEnd(16)}: ${pad(count)}\n`);
  return [`Domain ${domain.domid}:\n`, ...lines];
}

function ownedByGuests(domains: DomainTable): number {
  return domains.list().reduce((sum, { owned }) => sum + owned.size, 0);
}

function help(_: ControlContext, words: readonly string[]): Answer {
  if (words.length > 0) return 'EINVAL';
  return text([...COMMANDS].map(([name, { parameters }]) => `${name}\t${parameters}\n`));
}

const pad = (value: number): string => String(value).padStart(8);
const text = (lines: readonly string[]): Uint8Array => Buffer.from(`${lines.join('')}\0`, 'latin1');
