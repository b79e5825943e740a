/** The database on a real disk: killed, out of room, opened twice. The writer runs as a process, from `dist`. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openDatabase } from './database.ts';
import type { View } from './view.ts';

const WRITER = fileURLToPath(new URL('../../dist/db/crash-writer.test-helper.js', import.meta.url));
const KILLS = 6;
const run = promisify(execFile);

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'xenops-db-'));
  folder = path.join(parent, 'db');
});

afterEach(async () => {
  await rm(parent, { recursive: true, force: true });
});

function startWriter(start: number, limit = 'unlimited'): ChildProcess {
  const command = 'ulimit -S -f "$1"; shift; exec "$@"';
  const words = [limit, process.execPath, WRITER, folder, String(start)];
  return spawn('bash', ['-c', command, 'bash', ...words], { stdio: ['pipe', 'pipe', 'inherit'] });
}

function linesOf(child: ChildProcess): AsyncIterableIterator<string> {
  if (child.stdout === null) throw new Error('The writer has no output');
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
}

/** All places of a transaction are there, or none. */
function isWhole(view: View, number: string): boolean {
  return ['a', 'b', 'c'].every((place) => view.read(`/n/${number}/${place}`) === number);
}

describe('killed', () => {
  test('everything acknowledged is there and nothing is there by half', async () => {
    const acknowledged: string[] = [];
    for (let round = 0; round < KILLS; round += 1) {
      const writer = startWriter(round * 1_000_000);
      const ended = once(writer, 'exit');
      const until = 1 + Math.floor(Math.random() * 150);
      let seen = 0;
      for await (const line of { [Symbol.asyncIterator]: () => linesOf(writer) }) {
        acknowledged.push(line);
        seen += 1;
        if (seen === until) writer.kill('SIGKILL');
      }
      await ended;
      await using database = await openDatabase(folder);
      const view = database.view();
      expect(acknowledged.filter((number) => !isWhole(view, number))).toEqual([]);
      expect(view.list('/n').filter((number) => !isWhole(view, number))).toEqual([]);
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS);
  }, 120_000);
});

describe('out of room', () => {
  test('a write says so, nothing of it stays, and writing goes on once there is room', async () => {
    const writer = startWriter(0, '512');
    const lines = linesOf(writer);
    const outcomes = new Map<string, string | undefined>();
    const next = async (): Promise<string | undefined> => {
      const { value } = (await lines.next()) as IteratorResult<string, undefined>;
      const [number = '', code] = (value ?? '').split(' ');
      outcomes.set(number, code);
      return code;
    };
    let failures = 0;
    while (failures < 4) if ((await next()) !== undefined) failures += 1;
    expect(new Set([...outcomes.values()])).toEqual(new Set([undefined, 'DB_DISK_FULL']));

    await run('prlimit', ['--pid', String(writer.pid), '--fsize=unlimited']);
    writer.stdin?.write('go\n');
    for (let more = 0; more < 8; more += 1) expect(await next()).toBeUndefined();
    writer.kill('SIGKILL');
    await once(writer, 'exit');

    await using database = await openDatabase(folder);
    const view = database.view();
    for (const [number, code] of outcomes) {
      expect([number, isWhole(view, number), view.exists(`/n/${number}`)]).toEqual([
        number,
        code === undefined,
        code === undefined,
      ]);
    }
  }, 120_000);
});

describe('opened', () => {
  test('a second process is refused by name until the first has ended', async () => {
    const writer = startWriter(0);
    await linesOf(writer).next();
    await expect(openDatabase(folder)).rejects.toMatchObject({
      code: 'DB_LOCKED',
      message: expect.stringContaining('in use by another process'),
    });
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    await (await openDatabase(folder)).close();
  }, 60_000);

  test('the folder and its files are private', async () => {
    await using database = await openDatabase(folder);
    await database.transact((draft) => draft.write('/a', '1'));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    for (const file of await readdir(folder)) {
      expect([file, (await stat(path.join(folder, file))).mode & 0o777]).toEqual([file, 0o600]);
    }
  });

  test('a folder that cannot be one is named', async () => {
    await writeFile(folder, 'a file');
    await expect(openDatabase(folder)).rejects.toMatchObject({
      code: 'DB_UNAVAILABLE',
      context: { folder },
    });
  });
});
