import { readFile, rm, writeFile } from 'node:fs/promises';

/** Writes the process id there; disposing removes the file, if it is still ours. */
export async function writePidFile(path: string): Promise<AsyncDisposable> {
  const text = `${process.pid}\n`;
  await writeFile(path, text, { mode: 0o644 });
  return {
    async [Symbol.asyncDispose]() {
      const found = await readFile(path, 'utf8').catch(() => '');
      if (found === text) await rm(path, { force: true });
    },
  };
}
