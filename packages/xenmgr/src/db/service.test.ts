import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { connectBus, type Bus } from '@xenops/rpcgen/runtime';
import { ComCitrixXenclientDbClient } from '../generated/db.ts';
import { startPrivateBus, type PrivateBus } from '../testing/private-bus.test-helper.ts';
import { rootAndGroup, type AccessRule } from './access.ts';
import { openDatabaseOn, type Database } from './database.ts';
import { MemoryDisk } from './memory-store.test-helper.ts';
import { DATABASE_BUS_NAME, serveDatabase } from './service.ts';

const TIMEOUT_MS = 10_000;
const FAILED = 'org.freedesktop.DBus.Error.Failed';
const INVALID_ARGS = 'org.freedesktop.DBus.Error.InvalidArgs';

let privateBus: PrivateBus;
let served: Bus;
let caller: Bus;
let disk: MemoryDisk;
let database: Database;
let client: ComCitrixXenclientDbClient;

beforeEach(async () => {
  privateBus = await startPrivateBus();
  served = await connectBus({ address: privateBus.address, timeoutMs: TIMEOUT_MS });
  caller = await connectBus({ address: privateBus.address, timeoutMs: TIMEOUT_MS });
  disk = new MemoryDisk();
  database = await openDatabaseOn(disk.open);
  client = new ComCitrixXenclientDbClient(caller, { destination: DATABASE_BUS_NAME, path: '/' });
});

afterEach(async () => {
  await caller.close();
  await served.close();
  await privateBus[Symbol.asyncDispose]();
});

const everybody: AccessRule = async () => true;

describe('the service', () => {
  test('every method does what it says', async () => {
    await using _service = await serveDatabase(served, database, everybody);
    await client.write('/vm/u/name', 'one');
    await client.inject('/vm/u/config', '{"memory": 512, "disk": {"0": {"path": "/p"}}}');
    expect(await client.read('/vm/u/config/memory')).toBe('512');
    expect(await client.read('/vm/none')).toBe('');
    expect(await client.exists('/vm/u/config/disk')).toBe(true);
    expect(await client.exists('/vm/none')).toBe(false);
    expect(await client.list('/vm/u')).toEqual(['config', 'name']);
    expect(await client.dump('/vm/u/config/disk')).toBe('{\n  "0": {\n    "path": "/p"\n  }\n}');
    expect(await client.dump('/vm/none')).toBe('null');
    await client.rm('/vm/u/config/disk/0');
    expect(await client.list('/vm/u/config')).toEqual(['memory']);
    await expect(client.read_binary('/vm/u/name')).rejects.toMatchObject({ errorName: FAILED });
  });

  test('what cannot be done is an error and not a silence', async () => {
    await using _service = await serveDatabase(served, database, everybody);
    await client.write('/a/b', '1');
    await expect(client.write('/a', '2')).rejects.toMatchObject({ errorName: FAILED });
    await expect(client.write('/a/b/c', '2')).rejects.toMatchObject({ errorName: FAILED });
    await expect(client.inject('/c', '{')).rejects.toMatchObject({ errorName: INVALID_ARGS });
    disk.failure = 'before';
    await expect(client.write('/d', '1')).rejects.toMatchObject({
      errorName: FAILED,
      message: 'No room (test)',
    });
    expect(await client.dump('/a')).toBe('{\n  "b": "1"\n}');
  });

  test('another program can call it', async () => {
    await using _service = await serveDatabase(served, database, everybody);
    const { stdout } = await promisify(execFile)('busctl', [
      `--address=${privateBus.address}`,
      ...['call', DATABASE_BUS_NAME, '/', DATABASE_BUS_NAME, 'read', 's', '/db-version'],
    ]);
    expect(stdout).toBe('s "42"\n');
  });

  test('a caller without rights is refused, and is asked about once', async () => {
    const asked: number[] = [];
    const nobody: AccessRule = async (uid) => {
      asked.push(uid);
      return false;
    };
    await using _service = await serveDatabase(served, database, nobody);
    for (const call of [() => client.read('/a'), () => client.write('/a', '1')]) {
      await expect(call()).rejects.toMatchObject({
        errorName: 'org.freedesktop.DBus.Error.AccessDenied',
      });
    }
    expect(asked).toEqual([process.getuid?.()]);
  });

  test('a second service is refused and the first goes on', async () => {
    await using _service = await serveDatabase(served, database, everybody);
    await expect(serveDatabase(caller, database, everybody)).rejects.toMatchObject({
      code: 'DBUS_NAME_TAKEN',
    });
    expect(await client.exists('/')).toBe(true);
  });
});

test('root and the members of the group may call, by primary group or by name', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'xenops-accounts-'));
  const files = { passwd: path.join(folder, 'passwd'), group: path.join(folder, 'group') };
  await writeFile(files.passwd, 'a:x:1001:50::/:\nb:x:1002:60::/:\nc:x:1003:60::/:\n');
  await writeFile(files.group, 'xenops:x:50:b\nother:x:60:c\n');
  const rule = rootAndGroup('xenops', files);
  const allowed = await Promise.all([0, 1001, 1002, 1003, 1004].map(rule));
  expect(allowed).toEqual([true, true, true, false, false]);
  expect(await rootAndGroup('none', files)(1001)).toBe(false);
  await rm(folder, { recursive: true });
});
