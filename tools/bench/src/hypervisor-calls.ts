/**
 * What it costs to reach the hypervisor from JavaScript. Cheap calls beside the same loops in C, on real Xen in a lab; and a
 * list of 1,000 domains on this machine, with a made-up hypervisor preloaded on both sides, which answers at once.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Lab } from 'xenlab';
import { comparisonLine, summarise } from './statistics.ts';

const run = promisify(execFile);
const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));
const PEERS = path.join(WORKSPACE, 'tools/bench/peers');
const OURS = path.join(PEERS, 'hypervisor-calls.mjs');
/** In Dom0, below the packages that our side imports. */
const PEER_IN_DOM0 = '/opt/xenops/bench/hypervisor-calls';
const OURS_IN_DOM0 = '/opt/xenops/bench/hypervisor-calls.mjs';
const CALL_TIMEOUT_MS = 120_000;

/** Enough for V8 to have compiled our side before it counts: under emulation it has after some 20,000 calls. */
const CALLS_IN_LAB = 40_000;
const LISTS = 5_000;
const OBJECT_LISTS = 200;
const DOMAINS = 1_000;

/** Runs one side once: nanoseconds for each call. */
type Side = () => Promise<number>;

/** Prints the ratios for cheap calls on real Xen; the lab has the workspace. */
export async function hypervisorCalls(
  lab: Lab,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const { peer } = await compile();
  await lab.push([peer, OURS], { to: path.dirname(OURS_IN_DOM0) });
  const inLab =
    (...argv: readonly string[]): Side =>
    async () => {
      const { stdout } = await lab.exec({ argv, timeoutMs: CALL_TIMEOUT_MS });
      return Number(stdout);
    };
  for (const [what, title] of [
    ['scheduler', 'a call with a number for an answer (xc_sched_id), target 1.3'],
    ['find', 'looking a domain up, as an object of 17 fields, target 1.3'],
  ] as const) {
    await compare(title, rounds, print, {
      ours: inLab('node', OURS_IN_DOM0, what, String(CALLS_IN_LAB)),
      peer: inLab(PEER_IN_DOM0, what, String(CALLS_IN_LAB)),
    });
  }
}

/** Prints what a list of 1,000 domains costs, as a table to be decoded on demand and as objects, beside C. */
export async function hypervisorLists(
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  const { peer, fake } = await compile();
  const env = { ...process.env, LD_PRELOAD: fake, FAKE_DOMAINS: String(DOMAINS) };
  const side =
    (program: string, ...words: readonly string[]): Side =>
    async () =>
      Number((await run(program, words, { env })).stdout);
  const inC = side(peer, 'list', String(LISTS));
  const title = `a list of ${DOMAINS} domains`;
  await compare(`${title} as a table, target ours - peer = 20 us`, rounds, print, {
    ours: side(process.execPath, OURS, 'list', String(LISTS)),
    peer: inC,
  });
  await compare(`${title} as objects, for scale`, rounds, print, {
    ours: side(process.execPath, OURS, 'objects', String(OBJECT_LISTS)),
    peer: inC,
  });
}

async function compare(
  title: string,
  rounds: number,
  print: (line: string) => void,
  { ours, peer }: { readonly ours: Side; readonly peer: Side },
): Promise<void> {
  const measured = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const);
    for (const name of order) measured[name].push((await (name === 'ours' ? ours : peer)()) / 1e3);
  }
  print(
    comparisonLine(title, {
      ours: summarise(measured.ours),
      peer: summarise(measured.peer),
      unit: 'us',
    }),
  );
}

async function compile(): Promise<{ readonly peer: string; readonly fake: string }> {
  const folder = path.join(WORKSPACE, '.cache/bench');
  await mkdir(folder, { recursive: true });
  const peer = path.join(folder, 'hypervisor-calls');
  const fake = path.join(folder, 'hypervisor-fake-xen.so');
  const source = (name: string): string => path.join(PEERS, name);
  await run('gcc', ['-O2', '-Wall', '-o', peer, source('hypervisor-calls.c'), '-lxenctrl']);
  const library = ['-shared', '-fPIC', '-o', fake, source('hypervisor-fake-xen.c')];
  await run('gcc', ['-O2', '-Wall', ...library]);
  return { peer, fake };
}
