/** Command lines on a simulated host in this process. The package is loaded by name, as `connect` loads it. */
import type { Host } from '@xenops/core/host';
import { listTree } from '@xenops/core/xenstore';
import { run } from './run.ts';
import { KeptStreams } from './testing.test-helper.ts';

/** What tests use of a simulated host. */
export interface SimParts extends Omit<Host, 'uri'> {
  readonly control: {
    readonly machine: {
      readonly files: Map<string, string>;
      readonly loops: Map<number, { filePath: string }>;
      readonly processes: ReadonlyMap<number, unknown>;
      addBridge(name: string): void;
    };
  };
}

interface SimModule {
  readonly createSimHost: (options?: Readonly<Record<string, unknown>>) => Promise<SimParts>;
}

/** How a command line ended. */
export interface Outcome {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface Sim extends AsyncDisposable {
  readonly sim: SimParts;
  readonly host: Host;
  /** Runs `xenops` with these words. */
  exec(...words: readonly string[]): Promise<Outcome>;
  /** The same on a view of the host. */
  execOn(view: Host, ...words: readonly string[]): Promise<Outcome>;
}

/** Starts a host; `parts` take the place of its own. */
export async function startSim(
  options: Readonly<Record<string, unknown>> = {},
  parts: Partial<Host> = {},
): Promise<Sim> {
  const name = '@xenops/sim';
  const { createSimHost } = (await import(name)) as SimModule;
  const sim = await createSimHost(options);
  const host: Host = {
    ...sim,
    uri: 'sim:',
    ...parts,
    [Symbol.asyncDispose]: async () => undefined,
  };
  const execOn = async (view: Host, ...words: readonly string[]): Promise<Outcome> => {
    const streams = new KeptStreams();
    const status = await run({
      program: 'xenops',
      words,
      streams,
      environment: {},
      signal: new AbortController().signal,
      openHost: async () => view,
    });
    return { status, out: streams.outText, err: streams.errText };
  };
  return {
    sim,
    host,
    execOn,
    exec: (...words) => execOn(host, ...words),
    [Symbol.asyncDispose]: () => sim[Symbol.asyncDispose](),
  };
}

/** Every node of a store with its value, to see that nothing has changed. */
export async function treeOf(host: Host, root = '/'): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries(await listTree(host.store, root));
}
