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
import { comparisonLine, summarise } from './statistics.ts';

const run = promisify(execFile);
const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));
const PEERS = path.join(WORKSPACE, 'tools/bench/peers');
/** Where programs must lie to find our packages. */
const DOM0_FOLDER = '/opt/xenops/bench';
const ROUND_TIMEOUT_MS = 120_000;

const LARGE_MIB = 256;
/** Less than the Debian kernel needs to start, and enough to be built. */
const SMALL_MIB = 96;
const MICROSECONDS = 1e6;

/** Prints a line for each comparison. */
export async function hypervisorBuild(
  lab: Lab,
  rounds: number,
  print: (line: string) => void,
): Promise<void> {
  await pushPrograms(lab);
  const { vmlinuz, vmlinux, initrd } = lab.guest;
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

  const small = await runBuilds(lab, rounds, [
    vmlinux,
    '-',
    String(SMALL_MIB),
    String(rounds),
    '-',
  ]);
  const floor = await inDom0(lab, rounds, [
    `${DOM0_FOLDER}/hypervisor-floor`,
    ...[vmlinux, String(SMALL_MIB), String(rounds + 1)],
  ]);
  const [, ...counted] = floor.map((line) => Number(line) / MICROSECONDS);
  print(
    comparisonLine(`create+build of a ${SMALL_MIB} MiB PV guest from an ELF kernel, beside C`, {
      ours: summarise(valuesOf(small, 'ours')),
      peer: summarise(counted),
      unit: 's',
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
  const programs = ['hypervisor-build.mjs', 'hypervisor-save.mjs'];
  const files = [floor, ...programs.map((name) => path.join(PEERS, name))];
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
