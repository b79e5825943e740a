/**
 * Building, as part of the hypervisor benchmark: the second build of a packed kernel beside `xl create -p`, and a small guest
 * beside the same calls in C (peers/hypervisor-floor.c). The guests are PV and stay paused.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Lab } from 'xenlab';
import { comparisonLine, summarise, type Summary } from './statistics.ts';

const run = promisify(execFile);
const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));
const PEERS = path.join(WORKSPACE, 'tools/bench/peers');
/** Where programs must lie to find our packages. */
const DOM0_FOLDER = '/opt/xenops/bench';
const TESTGUEST_IN_DOM0 = `${DOM0_FOLDER}/testguest.elf`;
const ROUND_TIMEOUT_MS = 120_000;

const LARGE_MIB = 256;
const SMALL_MIB = 16;
/** Small guests that each side makes in a round. */
const SMALL_COUNT = 20;
const MILLISECONDS = 1e3;

/** Prints a line for each comparison. */
export async function hypervisorBuild(
  lab: Lab,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  await pushPrograms(lab);
  const { vmlinuz, initrd } = lab.guest;
  const config = `name="bench"\nkernel="${vmlinuz}"\nramdisk="${initrd}"\nextra="console=hvc0"\nmemory=${LARGE_MIB}\n`;
  const argv = ['sh', '-c', 'cat > /var/tmp/bench.cfg'];
  await lab.exec({ argv, stdin: config, timeoutMs: ROUND_TIMEOUT_MS });

  const packed = await runBuilds(lab, rounds, [
    ...[vmlinuz, initrd, String(LARGE_MIB), String(rounds)],
    'xl create -q -p /var/tmp/bench.cfg',
  ]);
  const ours = summarise(valuesOf(packed, 'ours'));
  const title = `create+build of a ${LARGE_MIB} MiB PV guest from a bzImage built before (target 0.10)`;
  print(comparisonLine(title, { ours, peer: summarise(valuesOf(packed, 'peer')), unit: 's' }));

  await smallBuilds(lab, rounds, print);
}

/** A guest of 16 MiB from a kernel of some KiB, for which there is hardly anything to do but the calls. */
async function smallBuilds(lab: Lab, rounds: number, print: (line: string) => void): Promise<void> {
  const args = [TESTGUEST_IN_DOM0, String(SMALL_MIB), String(SMALL_COUNT)] as const;
  const [kernel, memory, count] = args;
  const ours = async (): Promise<readonly number[]> =>
    valuesOf(await runBuilds(lab, 1, [kernel, '-', memory, count, '-']), 'ours');
  const peer = async (): Promise<readonly number[]> =>
    valuesOf(await inDom0(lab, 1, [`${DOM0_FOLDER}/hypervisor-floor`, ...args]), 'peer');
  const measured = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const);
    for (const name of order) measured[name].push(...(await (name === 'ours' ? ours : peer)()));
  }
  const inMs = (seconds: readonly number[]): Summary =>
    summarise(seconds.map((each) => each * MILLISECONDS));
  print(
    comparisonLine(`create+build of a ${SMALL_MIB} MiB PV guest, beside C (target 1.5)`, {
      ours: inMs(measured.ours),
      peer: inMs(measured.peer),
      unit: 'ms',
    }),
  );
}

/** Brings the programs of the hypervisor benchmark to Dom0. */
export async function pushPrograms(lab: Lab): Promise<void> {
  const folder = path.join(WORKSPACE, '.cache/bench');
  await mkdir(folder, { recursive: true });
  const floor = path.join(folder, 'hypervisor-floor');
  const source = path.join(PEERS, 'hypervisor-floor.c');
  await run('gcc', ['-O2', '-Wall', '-o', floor, source, '-lxenctrl', '-lxenguest']);
  const testguest = path.join(folder, path.basename(TESTGUEST_IN_DOM0));
  await run('sh', [path.join(WORKSPACE, 'tools/testguest/kernel/build.sh'), testguest]);
  const programs = ['hypervisor-build.mjs', 'hypervisor-save.mjs'];
  const files = [floor, testguest, ...programs.map((name) => path.join(PEERS, name))];
  await lab.push(files, { to: DOM0_FOLDER });
}

async function runBuilds(
  lab: Lab,
  rounds: number,
  args: readonly string[],
): Promise<readonly string[]> {
  return inDom0(lab, rounds, ['node', `${DOM0_FOLDER}/hypervisor-build.mjs`, ...args]);
}

/** The lines that a program printed. */
export async function inDom0(
  lab: Lab,
  rounds: number,
  argv: readonly string[],
): Promise<readonly string[]> {
  const timeoutMs = (rounds + 1) * ROUND_TIMEOUT_MS;
  const { status, stdout, stderr } = await lab.exec({ argv: [...argv], timeoutMs });
  if (status !== 0) throw new Error(`"${argv.join(' ')}" failed in the lab: ${stderr}`);
  return stdout.trim().split('\n');
}

/** The numbers of the lines that begin with these words. */
export function valuesOf(lines: readonly string[], words: string): readonly number[] {
  return lines
    .filter((line) => line.startsWith(`${words} `))
    .map((line) => Number(line.slice(words.length + 1)));
}
