/**
 * The xenops benchmark: a resident process of ours, our commands, and xl, in turn in one Dom0 on real Xen. Small paused guests, alone, with one
 * device, and among many; a packed Linux kernel; lists. The guests are PV and never run.
 */
import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startLab, streamProgress, type Lab } from 'xenlab';
import { XENOPS_PARTS, xenopsReport, type Figures, type XenopsPart } from './xenops-report.ts';

const run = promisify(execFile);
const WORKSPACE = fileURLToPath(new URL('../../..', import.meta.url));
const PROGRAM = path.join(WORKSPACE, 'tools/bench/peers/xenops.mjs');
/** Where programs must lie to find our packages. */
const DOM0_FOLDER = '/opt/xenops/bench';
const BRIDGE = 'benchbr';
const DISK = '/var/tmp/bench.img';
const CROWD = 50;
const ROUND_TIMEOUT_MS = 240_000;
const PREPARE = `truncate -s 8M ${DISK} && (ip link show ${BRIDGE} || ip link add ${BRIDGE} type bridge) && ip link set ${BRIDGE} up`;

/** The part of that name. Throws when there is none. */
function partOf(name: string): XenopsPart {
  const part = XENOPS_PARTS.find((one) => one === name);
  if (part === undefined)
    throw new Error(`There is no part "${name}"; there is: ${XENOPS_PARTS.join(', ')}`);
  return part;
}

/**
 * Prints a table with a row for each comparison and its target; with `only`, those of this part. Needs gcc and libxen-dev on this machine, and
 * the built addon.
 */
export async function xenops(
  rounds: number,
  print: (line: string) => void,
  only?: string,
): Promise<void> {
  const parts = only === undefined ? XENOPS_PARTS : [partOf(only)];
  await using lab = await startLab({ progress: streamProgress(process.stderr) });
  await lab.pushWorkspace();
  const figures = await measure(lab, rounds, parts);
  for (const line of xenopsReport(figures, parts, CROWD)) print(line);
}

/** The measurements, by the words before them. */
async function measure(lab: Lab, rounds: number, parts: readonly XenopsPart[]): Promise<Figures> {
  const folder = path.join(WORKSPACE, '.cache/bench');
  await mkdir(folder, { recursive: true });
  const small = path.join(folder, 'testguest');
  await run('sh', [path.join(WORKSPACE, 'tools/testguest/kernel/build.sh'), small]);
  await lab.push([small, PROGRAM], { to: DOM0_FOLDER });
  await lab.sh(PREPARE);
  const { vmlinuz, initrd } = lab.guest;
  const kernel = path.posix.join(DOM0_FOLDER, path.basename(small));
  const program = path.posix.join(DOM0_FOLDER, path.basename(PROGRAM));
  const args = [kernel, vmlinuz, initrd, DISK, BRIDGE, String(rounds), String(CROWD), parts.join()];
  const { status, stdout, stderr } = await lab.exec({
    argv: ['node', program, ...args],
    timeoutMs: (rounds + 1) * ROUND_TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`The benchmark failed in the lab: ${stderr}`);
  const lines = stdout.trim().split('\n');
  return (words) =>
    lines.flatMap((line) =>
      line.startsWith(`${words} `) ? [Number(line.slice(words.length + 1))] : [],
    );
}
