/**
 * A process that writes until it is killed or told to stop: `node crash-writer FOLDER START`. It prints `N` once
 * transaction N is acknowledged and `N CODE` when it failed, after which it waits for a line on its standard input.
 * Each transaction writes its number to three places.
 */
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { openDatabase } from './database.ts';

const [folder = '', start = '0'] = process.argv.slice(2);
const input = createInterface({ input: process.stdin });
const database = await openDatabase(folder);
// Several at a time, so that groups are cut through, too.
const WRITERS = 4;
const PADDING = 'x'.repeat(2000);

async function writeFrom(first: number): Promise<void> {
  for (let number = first; ; number += WRITERS) {
    try {
      await database.transact((draft) => {
        for (const place of ['a', 'b', 'c']) draft.write(`/n/${number}/${place}`, String(number));
        draft.write(`/padding/${first % WRITERS}/${number % 100}`, PADDING);
      });
      writeSync(1, `${number}\n`);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
      writeSync(1, `${number} ${code}\n`);
      await once(input, 'line');
    }
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, at) => writeFrom(Number(start) + at)));
