/** `npm run bench -- NAME [--rounds N] [--only PART]`: measurements side by side with a peer, as ratios. */
import { loadavg } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { dbus } from './dbus.ts';
import { hypervisor } from './hypervisor.ts';
import { smoke } from './smoke.ts';
import { writeFigures } from './table.ts';
import { xenmgr } from './xenmgr.ts';
import { xenops } from './xenops.ts';
import { xenstore } from './xenstore.ts';
import { xenvm } from './xenvm.ts';

const BENCHMARKS: Readonly<
  Record<string, (rounds: number, print: (line: string) => void, only?: string) => Promise<void>>
> = {
  dbus,
  hypervisor,
  smoke,
  xenmgr,
  xenops,
  xenstore,
  xenvm,
};

/** Fewest rounds whose median says anything on a shared machine. */
const ROUNDS_DEFAULT = 7;

function parseRounds(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text))
    throw new InvalidArgumentError('A number of rounds is 1 to 9999.');
  return Number(text);
}

interface Options {
  readonly rounds: number;
  readonly only?: string;
  readonly page?: string;
}

const names = Object.keys(BENCHMARKS).join(', ');
const print = (line: string): void => void process.stdout.write(`${line}\n`);

await new Command('bench')
  .description('measure ours and a peer alternately in one run, and print the ratio of the medians')
  .argument('<name>', `one of: ${names}`)
  .option('--rounds <n>', 'rounds that count, after one to warm up', parseRounds, ROUNDS_DEFAULT)
  .option('--only <part>', 'one part of a benchmark that has parts (xenops, hypervisor, xenvm)')
  .option('--page <file>', 'put all that is printed into this page, in place of its figures')
  .action(async (name: string, { rounds, only, page }: Options) => {
    const benchmark = BENCHMARKS[name];
    if (benchmark === undefined) {
      process.stderr.write(`There is no benchmark "${name}"; there is: ${names}\n`);
      process.exitCode = 2;
      return;
    }
    const lines: string[] = [];
    const tell = (line: string): void => {
      lines.push(line);
      print(line);
    };
    await benchmark(rounds, tell, only);
    const load = loadavg().map((average) => average.toFixed(1));
    tell('');
    tell(`${rounds} rounds, load average ${load.join(' ')}`);
    if (page !== undefined) await writeFigures(page, lines.join('\n'));
  })
  .parseAsync();
