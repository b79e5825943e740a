/** What a plan consists of, as data and as text. */
import { printable } from '../output/error-report.ts';

export type PlanStep =
  | { readonly kind: 'hypercall'; readonly verb: string; readonly args: readonly unknown[] }
  | { readonly kind: 'write'; readonly path: string; readonly value: string }
  | { readonly kind: 'mkdir'; readonly path: string }
  | { readonly kind: 'rm'; readonly path: string }
  | { readonly kind: 'permissions'; readonly path: string; readonly permissions: string }
  | { readonly kind: 'xenstored'; readonly verb: string; readonly args: readonly unknown[] }
  /** Seen by others at once, or not at all. */
  | { readonly kind: 'transaction'; readonly steps: readonly PlanStep[] }
  | { readonly kind: 'hotplug'; readonly verb: string; readonly args: readonly unknown[] }
  | { readonly kind: 'machine'; readonly verb: string; readonly args: readonly unknown[] }
  /** Something that only others can bring about; what would follow depends on it. */
  | { readonly kind: 'wait'; readonly paths: readonly string[] };

/** The lines of a plan. */
export function planLines(steps: readonly PlanStep[], depth = 0): readonly string[] {
  const indent = '  '.repeat(depth);
  return steps.flatMap((step) => [
    `${indent}${stepText(step)}`,
    ...(step.kind === 'transaction' ? planLines(step.steps, depth + 1) : []),
  ]);
}

function stepText(step: PlanStep): string {
  switch (step.kind) {
    case 'hypercall':
      return `hypercall ${callText(step)}`;
    case 'write':
      return `xenstore write ${printable(step.path)} = ${JSON.stringify(printable(step.value))}`;
    case 'mkdir':
    case 'rm':
      return `xenstore ${step.kind} ${printable(step.path)}`;
    case 'permissions':
      return `xenstore permissions ${printable(step.path)} ${step.permissions}`;
    case 'xenstored':
      return `xenstore ${callText(step)}`;
    case 'transaction':
      return 'xenstore transaction';
    case 'hotplug':
      return `hotplug ${callText(step)}`;
    case 'machine':
      return `machine ${callText(step)}`;
    case 'wait':
      return `wait for a change of ${step.paths.map(printable).join(', ')}; what follows depends on it`;
  }
}

function callText({ verb, args }: { readonly verb: string; readonly args: readonly unknown[] }) {
  return `${verb}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`;
}

/** Longest text of an argument that is shown whole. */
const TEXT_MAX = 200;

/** Arguments as plain data: numbers beyond 2^53 and bytes as text, what is no data left out. */
export function plainArguments(args: readonly unknown[]): readonly unknown[] {
  const plain = args.map(plainValue);
  while (plain.length > 0 && isEmpty(plain.at(-1))) plain.pop();
  return plain;
}

function plainValue(value: unknown): unknown {
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (typeof value === 'string' && value.length > TEXT_MAX) return `${value.slice(0, TEXT_MAX)}...`;
  if (typeof value === 'function' || value instanceof AbortSignal) return undefined;
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Map) return [...(value as ReadonlyMap<unknown, unknown>)].map(plainValue);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, entry]) => [key, plainValue(entry)] as const);
  return Object.fromEntries(entries.filter(([, entry]) => entry !== undefined));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
