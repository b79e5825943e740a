/**
 * Writes a set of generated files as a whole: first everything goes to temporary files beside the targets, then all
 * are renamed. When something fails, what was there before is there again. Files that would not change are left
 * alone, so that nothing that depends on them is built anew.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { GeneratedFile } from '../backends/backend.ts';
import { RpcgenError } from '../errors.ts';

interface PlannedFile {
  readonly target: string;
  readonly temporary: string;
  readonly text: string;
  /** What is there now; undefined when there is nothing. */
  readonly previous: Uint8Array | undefined;
}

/** Writes the files below a directory. Throws RpcgenError with code `OUTPUT_FAILED`. */
export function writeFiles(directory: string, files: readonly GeneratedFile[]): void {
  const renamed: PlannedFile[] = [];
  let planned: readonly PlannedFile[] = [];
  try {
    planned = files
      .map((file) => planFile(directory, file))
      .filter(({ previous, text }) => previous === undefined || !isText(previous, text));
    for (const { target, temporary, text } of planned) {
      mkdirSync(path.dirname(target), { recursive: true });
      writeFileSync(temporary, text);
    }
    for (const file of planned) {
      renameSync(file.temporary, file.target);
      renamed.push(file);
    }
  } catch (cause) {
    for (const { temporary } of planned) rmSync(temporary, { force: true });
    for (const file of renamed) restore(file);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RpcgenError('OUTPUT_FAILED', {
      message: `cannot write to ${directory}: ${reason}`,
      cause,
    });
  }
}

/** Tells which files are not what would be written, with the reason. */
export function staleFiles(directory: string, files: readonly GeneratedFile[]): readonly string[] {
  return files.flatMap((file) => {
    const { target, previous, text } = planFile(directory, file);
    if (previous === undefined) return [`${target}: missing`];
    if (isText(previous, text)) return [];
    const now = new TextDecoder().decode(previous).split('\n');
    const line = text.split('\n').findIndex((wanted, index) => wanted !== now[index]);
    return [`${target}: differs from line ${line === -1 ? now.length : line + 1} on`];
  });
}

function planFile(directory: string, { path: relative, text }: GeneratedFile): PlannedFile {
  const target = path.join(directory, relative);
  const temporary = path.join(path.dirname(target), `.${path.basename(target)}.${process.pid}.tmp`);
  return { target, temporary, text, previous: readIfThere(target) };
}

function readIfThere(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function isText(bytes: Uint8Array, text: string): boolean {
  return Buffer.compare(bytes, Buffer.from(text)) === 0;
}

function restore({ target, previous }: PlannedFile): void {
  if (previous === undefined) rmSync(target, { force: true });
  else writeFileSync(target, previous);
}
