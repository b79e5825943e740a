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

/** What can be measured by itself; the extra time for a device is told only together with `small`. */
const PARTS = ['small', 'commands', 'packed', 'disk', 'vif', 'crowd'] as const;
type Part = (typeof PARTS)[number];

/** The part of that name. Throws when there is none. */
function partOf(name: string): Part {
  const part = PARTS.find((one) => one === name);
  if (part === undefined)
    throw new Error(`There is no part "${name}"; there is: ${PARTS.join(', ')}`);
  return part;
}

/**
 * Prints a line for each comparison, with its target; with `only`, those of this part. Needs gcc and libxen-dev on this machine, and the
 * built addon.
 */
export async function xenops(
  rounds: number,
  print: (line: string) => void,
  only?: string,
): Promise<void> {
  const parts = only === undefined ? PARTS : [partOf(only)];
  await using lab = await startLab({ progress: streamProgress(process.stderr) });
  await lab.pushWorkspace();
  const report = new Report(await measure(lab, rounds, parts), print);
  for (const part of parts) REPORTS[part](report);
}

/** The measurements, by the words before them, and lines about them. */
class Report {
  readonly #figures: (words: string) => readonly number[];
  readonly print: (line: string) => void;

  constructor(figures: (words: string) => readonly number[], print: (line: string) => void) {
    this.#figures = figures;
    this.print = print;
  }

  count(words: string): number | undefined {
    return this.#figures(words)[0];
  }

  /** Undefined when that was not measured. */
  median(words: string): number | undefined {
    const figures = this.#figures(words);
    return figures.length === 0 ? undefined : summarise(figures).median;
  }

  compare(title: string, what: string, side = 'ours'): void {
    const of = (name: string): Summary => summarise(this.#figures(`${what} ${name}`));
    this.print(comparisonLine(title, { ours: of(side), peer: of('peer'), unit: 's' }));
  }

  /** How much longer the first takes than the second, each side for itself and divided by `count`; nothing when one is missing. */
  difference(
    title: string,
    [more, less]: readonly [string, string],
    side = 'ours',
    count = 1,
  ): void {
    const extra = (name: string): number | undefined => {
      const [long, short] = [this.median(`${more} ${name}`), this.median(`${less} ${name}`)];
      return long === undefined || short === undefined ? undefined : (long - short) / count;
    };
    const [ours, peer] = [extra(side), extra('peer')];
    if (ours !== undefined && peer !== undefined) this.print(ratioLine(title, ours, peer));
  }
}

const reportDevice =
  (device: 'disk' | 'vif', target: string) =>
  (report: Report): void => {
    report.compare(`create with one ${device}, resident`, `${device} create`);
    report.difference(`extra time for one ${device} (target ${target})`, [
      `${device} create`,
      'small create',
    ]);
    report.compare(`destroy: ${device}, resident (target 1.0)`, `${device} destroy`);
  };

const REPORTS: Readonly<Record<Part, (report: Report) => void>> = {
  small(report) {
    report.compare('create a small guest, resident (target 0.20)', 'small create');
    const count = report.count('requests') ?? 'unknown';
    report.print(`requests to xenstored for it: ${count} (target 50, xl 123)`);
    report.compare('destroy: small, resident (target 1.0)', 'small destroy');
  },
  commands(report) {
    report.compare('create a small guest, two commands', 'commands create');
    report.compare('destroy: small, command', 'commands destroy');
  },
  packed(report) {
    report.compare(
      'create 256 MiB from a bzImage built before, resident (target 0.10)',
      'packed create',
    );
    report.compare('destroy: packed, resident (target 1.0)', 'packed destroy');
  },
  disk: reportDevice('disk', '0.05'),
  vif: reportDevice('vif', '0.10'),
  crowd(report) {
    report.compare(`create among ${CROWD} guests, resident`, 'crowd create');
    for (const side of ['ours', 'peer']) {
      const [crowd, alone] = ['crowd', 'alone'].map((title) =>
        report.median(`${title} create ${side}`),
      );
      const target = side === 'ours' ? ' (target 1.10)' : '';
      report.print(
        ratioLine(`${side}: create among ${CROWD} guests to create alone${target}`, crowd, alone),
      );
    }
    for (const side of ['ours', 'commands']) {
      report.compare(`list of ${CROWD}, ${side}`, 'crowd list', side);
      report.difference(
        `list, for each further guest, ${side} (target 0.1)`,
        ['crowd list', 'alone list'],
        side,
        CROWD,
      );
    }
  },
};

/** The measurements, by the words before them. */
async function measure(
  lab: Lab,
  rounds: number,
  parts: readonly Part[],
): Promise<(words: string) => readonly number[]> {
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

function ratioLine(title: string, ours = Number.NaN, peer = Number.NaN): string {
  const milliseconds = (seconds: number): string => `${(seconds * 1000).toFixed(2)} ms`;
  return `${title}: ratio ${(ours / peer).toFixed(3)}  ${milliseconds(ours)} to ${milliseconds(peer)}`;
}
