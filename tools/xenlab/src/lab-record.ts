// What is written down about a lab, so that other commands find it and the next start can clear it away.
//
//   RUN-FOLDER/NAME/lab.json   a lab; its folder appears whole, by a rename
//   RUN-FOLDER/.new-NAME-PID   a lab that is just being made
//
// A lab with an owner ends with it. Only a process whose number *and* start time are recorded is ever killed.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { systemErrorCode } from './errors.ts';
import { runFolder } from './paths.ts';
import { isRunning, killProcess } from './process.ts';
import type { ProcessIdentity } from './process.ts';
import type { MachineShape } from './qemu-command.ts';
import type { ReleaseName } from './releases.ts';

export interface LabRecord extends MachineShape {
  readonly name: string;
  readonly release: ReleaseName;
  readonly imageFolder: string;
  readonly startedAt: string;
  /** The process that the lab ends with; null for one that stays until it is taken down. */
  readonly owner: ProcessIdentity | null;
  readonly emulator: ProcessIdentity | null;
  readonly connection: ProcessIdentity | null;
  /** On 127.0.0.1, to Dom0's sshd. */
  readonly sshPort: number | null;
}

export interface FoundRecord {
  readonly folder: string;
  readonly record: LabRecord;
}

const RECORD = 'lab.json';

export function labFolder(name: string): string {
  return path.join(runFolder(), name);
}

/** Replaces a lab's record as a whole. */
export function writeRecord(folder: string, record: LabRecord): void {
  const file = path.join(folder, RECORD);
  writeFileSync(`${file}.new`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** Every lab of this user, running or not. */
export function readRecords(): readonly FoundRecord[] {
  return readdirSync(runFolder()).flatMap((name) => findRecord(path.join(runFolder(), name)) ?? []);
}

/** The record in a folder; undefined when there is none that can be read. */
export function findRecord(folder: string): FoundRecord | undefined {
  try {
    const record: unknown = JSON.parse(readFileSync(path.join(folder, RECORD), 'utf8'));
    return { folder, record: record as LabRecord };
  } catch (error) {
    if (error instanceof SyntaxError || systemErrorCode(error) !== undefined) return undefined;
    throw error;
  }
}

/** Makes a lab's folder with its first record. Returns undefined when the name is taken. */
export function createLabFolder(record: LabRecord): string | undefined {
  const unfinished = path.join(runFolder(), `.new-${record.name}-${String(process.pid)}`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  writeRecord(unfinished, record);
  const folder = labFolder(record.name);
  try {
    renameSync(unfinished, folder);
    return folder;
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (systemErrorCode(error) === 'ENOTEMPTY') return undefined;
    throw error;
  }
}

/** Kills what is left of a lab and removes its folder. */
export function removeLab({ folder, record }: FoundRecord): void {
  if (record.emulator !== null) killProcess(record.emulator);
  if (record.connection !== null) killProcess(record.connection);
  rmSync(folder, { recursive: true, force: true });
}

/** Removes every lab whose owner is gone; returns their names. */
export function sweepLabs(): readonly string[] {
  const orphans = readRecords().filter(({ record }) => isOrphan(record));
  orphans.forEach(removeLab);
  return orphans.map(({ record }) => record.name);
}

/** Pure but for the look at the processes. */
export function isOrphan(
  { owner }: Pick<LabRecord, 'owner'>,
  running: (identity: ProcessIdentity) => boolean = isRunning,
): boolean {
  return owner !== null && !running(owner);
}
