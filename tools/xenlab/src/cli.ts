// The xenlab command. Data goes to stdout, everything else to stderr.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { SERIAL_LOG } from './emulator.ts';
import { LabError } from './errors.ts';
import { remoteCommand } from './execute.ts';
import { exitStatus } from './exit-status.ts';
import { followFile } from './follow-file.ts';
import { ensureImage, pruneImages } from './image.ts';
import { findLabRecord, getLab, isLabRunning, startNamedLab } from './lab.ts';
import { readRecords, removeLab, sweepLabs } from './lab-record.ts';
import { streamProgress } from './progress.ts';
import type { XenstoredName } from './qemu-command.ts';
import { getRelease, releases } from './releases.ts';
import type { ReleaseName } from './releases.ts';
import { selfTest } from './self-test.ts';
import { sshCommand } from './ssh.ts';

const DEFAULT_NAME = 'default';
const progress = streamProgress(process.stderr);

const nameOption = (): Option => new Option('--name <name>', 'which lab').default(DEFAULT_NAME);
const releaseOption = (): Option =>
  new Option('--release <release>', "Debian's release in Dom0")
    .choices(Object.keys(releases))
    .default('bookworm');

export interface Cli {
  /** Runs one command line and returns the exit status; errors are reported on stderr. */
  run(argv: readonly string[]): Promise<number>;
}

export function createCli(): Cli {
  let status = 0;
  const program = new Command('xenlab')
    .description('A real Xen host in about a second, inside QEMU.')
    .exitOverride()
    .enablePositionalOptions();
  addLifeCycle(program);
  addSelfTest(program);
  addAccess(program, (value) => {
    status = value;
  });
  return {
    run: async (argv) => {
      try {
        await program.parseAsync(argv, { from: 'user' });
        return status;
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
        progress.end();
        process.stderr.write(`xenlab: ${describe(error)}\n`);
        return error instanceof LabError ? exitStatus[error.code] : 1;
      } finally {
        progress.end();
      }
    },
  };
}

interface NameOption {
  readonly name: string;
}

interface ReleaseOption {
  readonly release: ReleaseName;
}

interface UpOptions extends NameOption, ReleaseOption {
  readonly mem: string;
  readonly cpus: number;
  readonly xenstored: XenstoredName;
}

function addLifeCycle(program: Command): void {
  program
    .command('build')
    .description("build a release's image into the cache, if it is not there")
    .addOption(releaseOption())
    .option('--force', 'build it anew, with the packages of today')
    .option('--prune', 'also remove images that no lab and no present input needs')
    .action(
      async ({ release, ...options }: ReleaseOption & { force?: boolean; prune?: boolean }) => {
        const image = await ensureImage(getRelease(release), {
          force: options.force === true,
          progress,
        });
        if (options.prune === true) pruneImages(image.release);
        process.stdout.write(`${image.folder}\n`);
      },
    );
  program
    .command('up')
    .description('start a lab; it stays until it is taken down')
    .addOption(nameOption())
    .addOption(releaseOption())
    .option('--mem <size>', 'memory of the machine', '6G')
    .option('--cpus <count>', 'processors of the machine', parseCount, 2)
    .addOption(
      new Option('--xenstored <name>', 'the store that Dom0 runs')
        .choices(['oxenstored', 'xenstored'])
        .default('oxenstored'),
    )
    .action(up);
  program
    .command('down')
    .description('stop a lab and remove what it wrote')
    .addOption(nameOption())
    .option('--all', 'every lab that nobody owns: those of `up`')
    .action(down);
  program
    .command('status')
    .description('list the labs')
    .option('--json', 'as JSON')
    .action(printStatus);
}

function addSelfTest(program: Command): void {
  program
    .command('test')
    .description('start a lab and a PV guest in it, and print what is seen')
    .addOption(releaseOption())
    .action(async ({ release }: ReleaseOption) => {
      const report = (line: string): void => {
        progress.end();
        process.stdout.write(`${line}\n`);
      };
      await selfTest({ release, progress }, { report });
    });
}

function addAccess(program: Command, setStatus: (status: number) => void): void {
  program
    .command('exec')
    .description('run a command in Dom0; its arguments, streams and status pass through')
    .addOption(nameOption())
    .argument('<command...>')
    .passThroughOptions()
    .action(async (argv: readonly string[], { name }: NameOption) => {
      setStatus(await passThrough([...sshCommand(getLab(name).folder), '--', remoteCommand(argv)]));
    });
  program
    .command('shell')
    .description('a shell in Dom0')
    .addOption(nameOption())
    .action(async ({ name }: NameOption) => {
      setStatus(await passThrough([...sshCommand(getLab(name).folder, ['-t']), 'exec bash -l']));
    });
  program
    .command('push')
    .description(
      'copy files into Dom0; without files, the built packages and commands of this workspace',
    )
    .addOption(nameOption())
    .option('--to <folder>', 'where files go in Dom0', '/root')
    .argument('[files...]')
    .action(push);
  program
    .command('console')
    .description("print Dom0's serial log, with Xen's messages")
    .addOption(nameOption())
    .option('-f, --follow', 'go on printing until interrupted')
    .action(async ({ name, follow }: NameOption & { follow?: boolean }) => {
      const lab = getLab(name);
      if (follow !== true) {
        process.stdout.write(await lab.consoleText());
        return;
      }
      const stop = new AbortController();
      process.once('SIGINT', () => {
        stop.abort();
      });
      const log = path.join(lab.folder, SERIAL_LOG);
      for await (const text of followFile(log, stop)) process.stdout.write(text);
    });
}

async function up({ name, ...options }: UpOptions): Promise<void> {
  sweepLabs();
  const found = findLabRecord(name);
  if (found !== undefined && isLabRunning(found.record)) {
    process.stderr.write(`Lab "${name}" is already running\n`);
    return;
  }
  // Its emulator is gone: the machine was restarted, or somebody killed it.
  if (found !== undefined) removeLab(found);
  const startedAt = performance.now();
  await startNamedLab(name, { ...options, progress });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  process.stderr.write(
    `Lab "${name}" is up after ${seconds} s: xenlab exec --name ${name} -- xl list\n`,
  );
}

async function down({ name, all }: NameOption & { all?: boolean }): Promise<void> {
  sweepLabs();
  if (all === true) {
    const unowned = readRecords().filter(({ record }) => record.owner === null);
    for (const { record } of unowned) await stopByName(record.name);
    return;
  }
  if (findLabRecord(name) === undefined) {
    throw new LabError('LAB_NOT_FOUND', { message: `There is no lab "${name}"` });
  }
  await stopByName(name);
}

async function stopByName(name: string): Promise<void> {
  const found = findLabRecord(name);
  if (found === undefined) return;
  if (isLabRunning(found.record)) await getLab(name).stop();
  else removeLab(found);
}

async function push(
  files: readonly string[],
  { name, to }: NameOption & { readonly to: string },
): Promise<void> {
  const lab = getLab(name);
  if (files.length > 0) {
    await lab.push(files, { to });
    return;
  }
  const { sentCount, removedCount, commands } = await lab.pushWorkspace({ progress });
  progress.end();
  const counts = `${String(sentCount)} files sent, ${String(removedCount)} removed`;
  process.stderr.write(`${counts}; commands in Dom0: ${commands.join(' ')}\n`);
}

function printStatus({ json }: { json?: boolean }): void {
  sweepLabs();
  const labs = readRecords().map(({ folder, record }) => ({
    name: record.name,
    running: isLabRunning(record),
    release: record.release,
    memoryMib: record.memoryMib,
    cpus: record.cpus,
    xenstored: record.xenstored,
    startedAt: record.startedAt,
    ownerPid: record.owner?.pid ?? null,
    sshPort: record.sshPort,
    folder,
  }));
  if (json === true) {
    process.stdout.write(`${JSON.stringify(labs, null, 2)}\n`);
    return;
  }
  for (const lab of labs) {
    const owner = lab.ownerPid === null ? '' : `, of process ${String(lab.ownerPid)}`;
    const state = lab.running ? 'running' : 'dead';
    process.stdout.write(`${lab.name}\t${state}\t${lab.release}, ${lab.xenstored}${owner}\n`);
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Write a number from 1 to 99.');
}

/** Runs a program on this terminal; its status is ours. */
async function passThrough([program = '', ...args]: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit' });
  // The program decides what an interrupt means.
  process.on('SIGINT', () => undefined);
  const ended: readonly unknown[] = await once(child, 'exit');
  const [code] = ended;
  return typeof code === 'number' ? code : 1;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error
    ? `${error.message}: ${describe(error.cause)}`
    : error.message;
}
