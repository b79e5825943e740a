// Files into Dom0, as one tar stream over the lab's connection.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findAddons } from './addon.ts';
import { LabError, systemErrorCode } from './errors.ts';
import { executeInDom0 } from './execute.ts';
import { collect } from './process.ts';
import type { Progress } from './progress.ts';
import { quoteWord } from './quote.ts';
import { getRelease } from './releases.ts';
import type { ReleaseName } from './releases.ts';
import { sshCommand } from './ssh.ts';
import { listWorkspace, readWorkspacePackages, stampOf } from './workspace-files.ts';

/** Where the workspace is in Dom0. */
export const WORKSPACE_FOLDER = '/opt/xenops';
/** In a lab's folder: what of the workspace Dom0 already has. */
const PUSHED = 'pushed.json';
const PUSH_TIMEOUT_MS = 300_000;

export interface PushTarget {
  /** The lab's folder on this machine. */
  readonly folder: string;
  readonly release: ReleaseName;
}

/** Copies files and folders into the folder `to` of Dom0, which is made if need be. */
export async function pushFiles(
  { folder }: PushTarget,
  files: readonly string[],
  { to }: { readonly to: string },
): Promise<void> {
  const members = files.flatMap((file) => {
    const absolute = path.resolve(file);
    return ['-C', path.dirname(absolute), `./${path.basename(absolute)}`];
  });
  await sendTar(folder, { tarArguments: members, to });
}

export interface PushedWorkspace {
  readonly sentCount: number;
  readonly removedCount: number;
  readonly commands: readonly string[];
}

/**
 * Brings a workspace's built packages into Dom0 and its commands onto the PATH there. Only what changed since the
 * last time goes over the wire.
 */
export async function pushWorkspaceFiles(
  target: PushTarget,
  { workspace, progress }: { readonly workspace: string; readonly progress: Progress },
): Promise<PushedWorkspace> {
  const packages = readWorkspacePackages(workspace);
  const { files, commands } = listWorkspace(workspace, packages);
  const addons = await findAddons({
    workspace,
    packages,
    release: getRelease(target.release),
    progress,
  });
  const present = new Map([
    ...files.map((file) => [file.path, file.stamp] as const),
    ...addons.map((addon) => [addon.path, stampOf(path.join(addon.root, addon.path))] as const),
  ]);
  const before = readPushed(target.folder);
  const isNew = ({ path: file }: { readonly path: string }): boolean =>
    before.get(file) !== present.get(file);
  const changed = files.filter(isNew).map((file) => file.path);
  const newAddons = addons.filter(isNew);
  const removed = [...before.keys()].filter((file) => !present.has(file));
  if (removed.length > 0) await removeFiles(target.folder, removed);
  if (changed.length + newAddons.length > 0) {
    // One command does it all: each costs more than the files.
    await sendTar(target.folder, {
      tarArguments: [
        ...['-C', workspace, '--null', '-T', '-'],
        ...newAddons.flatMap((addon) => ['-C', addon.root, addon.path]),
      ],
      list: changed.join('\0'),
      to: WORKSPACE_FOLDER,
      afterwards: renderLinks(commands),
    });
  }
  writeFileSync(path.join(target.folder, PUSHED), JSON.stringify([...present]), { mode: 0o600 });
  return {
    sentCount: changed.length + newAddons.length,
    removedCount: removed.length,
    commands: [...commands.keys()],
  };
}

/** A script that links each command from the PATH to its file, which it makes executable. */
function renderLinks(commands: ReadonlyMap<string, string>): string {
  const lines = [...commands].map(([command, file]) => {
    const target = quoteWord(path.join(WORKSPACE_FOLDER, file));
    const link = quoteWord(`/usr/local/bin/${command}`);
    return `if [ -e ${target} ]; then chmod +x ${target} && ln -sfn ${target} ${link}; fi`;
  });
  return lines.join(' && ');
}

async function removeFiles(folder: string, files: readonly string[]): Promise<void> {
  const stdin = files.map((file) => `${path.join(WORKSPACE_FOLDER, file)}\0`).join('');
  const { status, stderr } = await executeInDom0(folder, {
    argv: ['xargs', '-0', 'rm', '-f'],
    stdin,
  });
  if (status !== 0) throw pushError(stderr);
}

interface TarOptions {
  readonly tarArguments: readonly string[];
  /** What tar reads on its standard input. */
  readonly list?: string;
  readonly to: string;
  /** A script that runs in Dom0 when the files are there. */
  readonly afterwards?: string;
}

async function sendTar(
  folder: string,
  { tarArguments, list = '', to, afterwards = ':' }: TarOptions,
): Promise<void> {
  const tar = spawn('tar', ['-c', ...tarArguments], { stdio: ['pipe', 'pipe', 'pipe'] });
  const complaints: Buffer[] = [];
  tar.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  // A tar that needs no list may be done before it is offered one.
  tar.stdin.on('error', () => undefined);
  tar.stdin.end(list);
  const ended: Promise<readonly unknown[]> = once(tar, 'close');
  const target = quoteWord(to);
  const script = `mkdir -p ${target} && tar -x --no-same-owner -C ${target} && ${afterwards}`;
  const [received, [tarStatus]] = await Promise.all([
    collect([...sshCommand(folder), '--', script], {
      stdin: tar.stdout,
      doing: `copying files to ${to} in Dom0`,
      timeoutMs: PUSH_TIMEOUT_MS,
    }),
    ended,
  ]);
  if (tarStatus !== 0) throw pushError(Buffer.concat(complaints).toString());
  if (received.status !== 0) throw pushError(received.stderr.toString());
}

function pushError(output: string): LabError {
  return new LabError('LAB_COMMAND_FAILED', {
    message: `Cannot copy files into Dom0: ${output.trim()}`,
  });
}

function readPushed(folder: string): ReadonlyMap<string, string> {
  try {
    const entries: unknown = JSON.parse(readFileSync(path.join(folder, PUSHED), 'utf8'));
    return new Map(entries as readonly (readonly [string, string])[]);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return new Map();
    throw error;
  }
}
