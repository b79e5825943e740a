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
import { comparisonLine, summarise, type Summary } from './statistics.ts';

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

/** Prints a line for each comparison, with its target. Needs gcc and libxen-dev on this machine, and the built addon. */
export async function xenops(rounds: number, print: (line: string) => void): Promise<void> {
  await using lab = await startLab({ progress: streamProgress(process.stderr) });
  await lab.pushWorkspace();
  const figures = await measure(lab, rounds);
  const of = (what: string, side: string): Summary => summarise(figures(`${what} ${side}`));
  const compare = (title: string, what: string, side: 'ours' | 'commands' = 'ours'): void => {
    print(comparisonLine(title, { ours: of(what, side), peer: of(what, 'peer'), unit: 's' }));
  };
  compare('create a small guest, resident (target 0.20)', 'small create');
  compare('create a small guest, two commands', 'small create', 'commands');
  print(`requests to xenstored for it: ${figures('requests')[0] ?? 'unknown'} (target 50, xl 123)`);
  compare('create 256 MiB from a bzImage built before, resident (target 0.10)', 'packed create');
  for (const [device, target] of [
    ['disk', '0.05'],
    ['vif', '0.10'],
  ] as const) {
    compare(`create with one ${device}, resident`, `${device} create`);
    const extra = (side: string): number =>
      of(`${device} create`, side).median - of('small create', side).median;
    print(
      ratioLine(`extra time for one ${device} (target ${target})`, extra('ours'), extra('peer')),
    );
  }
  for (const what of ['small', 'disk', 'vif', 'packed']) {
    compare(`destroy: ${what}, resident (target 1.0)`, `${what} destroy`);
  }
  compare('destroy: small, command', 'small destroy', 'commands');
  for (const side of ['ours', 'peer']) {
    const [crowd, alone] = ['crowd create', 'alone create'].map((what) => of(what, side).median);
    const target = side === 'ours' ? ' (target 1.10)' : '';
    print(
      ratioLine(`${side}: create among ${CROWD} guests to create alone${target}`, crowd, alone),
    );
  }
  for (const side of ['ours', 'commands'] as const)
    compare(`list of ${CROWD}, ${side}`, 'crowd list', side);
  const slope = (side: string): number =>
    (of('crowd list', side).median - of('alone list', side).median) / CROWD;
  for (const side of ['ours', 'commands']) {
    print(
      ratioLine(`list, for each further guest, ${side} (target 0.1)`, slope(side), slope('peer')),
    );
  }
}

/** The measurements, by the words before them. */
async function measure(lab: Lab, rounds: number): Promise<(words: string) => readonly number[]> {
  const folder = path.join(WORKSPACE, '.cache/bench');
  await mkdir(folder, { recursive: true });
  const small = path.join(folder, 'testguest');
  await run('sh', [path.join(WORKSPACE, 'tools/testguest/kernel/build.sh'), small]);
  await lab.push([small, PROGRAM], { to: DOM0_FOLDER });
  await lab.sh(PREPARE);
  const { vmlinuz, initrd } = lab.guest;
  const kernel = path.posix.join(DOM0_FOLDER, path.basename(small));
  const program = path.posix.join(DOM0_FOLDER, path.basename(PROGRAM));
  const args = [kernel, vmlinuz, initrd, DISK, BRIDGE, String(rounds), String(CROWD)];
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

function ratioLine(title: string, ours = Number.NaN, peer = Number.NaN): string {
  const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(2)} ms`;
  return `${title}: ratio ${(ours / peer).toFixed(3)}  ${milliseconds(ours)} to ${milliseconds(peer)}`;
}
