import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openDatabaseOn } from './database.ts';
import { MemoryDisk } from './memory-store.test-helper.ts';
import { exportOldFiles, importOldFiles, readOldFiles } from './old-files.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'xenops-old-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function put(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(path.join(folder, file)), { recursive: true });
  await writeFile(path.join(folder, file), text);
}

test('old files become one tree, brought to the present layout', async () => {
  await put('db', '{ "db-version": "34", "xenmgr": { "isos": "\\/storage\\/isos", "n": 3 } }');
  await put('vms/u1.db', '{ "name": "one", "config": { "hvm": true, "disk": { } } }');
  await put('vms/u2.db', '');
  await put('dom-store/u1.db', '{ "a": "b" }');
  await put('dom-store/picture.png', 'PNG');
  const database = await openDatabaseOn(new MemoryDisk().open);
  await database.transact((draft) => draft.write('/gone', '1'));
  expect(await importOldFiles(database, folder)).toEqual([
    path.join(folder, 'dom-store/picture.png'),
  ]);
  expect(JSON.parse(database.view().dump('/'))).toEqual({
    'db-version': '42',
    'dom-store': { u1: { a: 'b' } },
    vm: { u1: { config: { 'virt-type': 'hvm' }, name: 'one' } },
    xenmgr: { isos: '/storage/isos', n: '3' },
  });
});

test('a file that was being replaced when the power went is read from its temporary file', async () => {
  await put('db.tmp', '{ "db-version": "42" }');
  await put('vms/u1.db.tmp', '{ "name": "one" }');
  await put('vms/u2.db', '{ "name": "two" }');
  await put('vms/u2.db.tmp', '{ "na');
  const { tree, leftOut } = await readOldFiles(folder);
  const database = await openDatabaseOn(new MemoryDisk().open);
  await database.transact((draft) => draft.replace('/', tree));
  expect(database.view().read('/vm/u1/name')).toBe('one');
  expect(database.view().read('/vm/u2/name')).toBe('two');
  expect(leftOut).toEqual([]);
});

test('a malformed or missing file is named and nothing is imported', async () => {
  const database = await openDatabaseOn(new MemoryDisk().open);
  await database.transact((draft) => draft.write('/kept', '1'));
  const file = path.join(folder, 'db');
  const refused = expect.objectContaining({ code: 'DB_FILE', context: { file } });
  await expect(importOldFiles(database, folder)).rejects.toEqual(refused);
  await put('db', '{ "db-version": ');
  await expect(importOldFiles(database, folder)).rejects.toEqual(refused);
  await put('db', '{ "db-version": "7" }');
  await expect(importOldFiles(database, folder)).rejects.toMatchObject({ code: 'DB_SCHEMA' });
  expect(database.view().read('/kept')).toBe('1');
});

test('an export is what was imported, in private files', async () => {
  const database = await openDatabaseOn(new MemoryDisk().open);
  await database.transact((draft) => {
    draft.inject('/vm', '{ "u1": { "name": "ä \\"quoted\\"\\n" }, "u2": { "slot": "1" } }');
    draft.write('/dom-store/u1/key', 'value');
    draft.write('/xenmgr/autostart', 'true');
  });
  const { tree } = database.view();
  await exportOldFiles(tree, folder);
  expect((await readOldFiles(folder)).tree).toEqual(tree);
  expect((await readdir(path.join(folder, 'vms'))).sort()).toEqual(['u1.db', 'u2.db']);
  expect(JSON.parse(await readFile(path.join(folder, 'db'), 'utf8'))).toEqual({
    'db-version': '42',
    xenmgr: { autostart: 'true' },
  });
  expect((await stat(path.join(folder, 'vms/u1.db'))).mode & 0o777).toBe(0o600);
});
