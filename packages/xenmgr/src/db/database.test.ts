import { describe, expect, test } from '@jest/globals';
import { openDatabaseOn, type Database } from './database.ts';
import { GUEST_STORE_BYTES_MAX, VALUE_BYTES_MAX } from './limits.ts';
import { MemoryDisk } from './memory-store.test-helper.ts';
import { SCHEMA_VERSION } from './migrations.ts';

async function open(disk = new MemoryDisk()): Promise<{ disk: MemoryDisk; database: Database }> {
  return { disk, database: await openDatabaseOn(disk.open) };
}

function withCode(code: string): unknown {
  return expect.objectContaining({ code });
}

describe('transactions', () => {
  test('what is written is read, listed and dumped, also after opening again', async () => {
    const { disk, database } = await open();
    await database.transact((draft) => {
      draft.write('/vm/u1/name', 'one');
      draft.write('vm//u1/config/memory/', '512');
    });
    await database.close();
    const view = (await open(disk)).database.view();
    expect(view.read('/vm/u1/name')).toBe('one');
    expect(view.list('/vm/u1')).toEqual(['config', 'name']);
    expect(JSON.parse(view.dump('/vm'))).toEqual({
      u1: { config: { memory: '512' }, name: 'one' },
    });
  });

  test('a missing text and an empty one are not the same', async () => {
    const { database } = await open();
    await database.transact((draft) => draft.write('/a', ''));
    expect(database.view().read('/a')).toBe('');
    expect(database.view().read('/b')).toBeUndefined();
    expect(database.view().dump('/b')).toBe('null');
  });

  test('one that throws leaves nothing, and those around it stay', async () => {
    const { database } = await open();
    const outcomes = await Promise.allSettled([
      database.transact((draft) => draft.write('/a', '1')),
      database.transact((draft) => {
        draft.write('/b', '1');
        throw new Error('no');
      }),
      database.transact((draft) => draft.write('/c', draft.read('/a') ?? 'none')),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(database.view().list('/')).toEqual(['a', 'c', 'db-version']);
    expect(database.view().read('/c')).toBe('1');
  });

  test('those that wait share one write, in the order of their calls', async () => {
    const { disk, database } = await open();
    const before = disk.writes;
    const counts = Array.from({ length: 100 }, () =>
      database.transact((draft) => {
        const next = Number(draft.read('/count') ?? '0') + 1;
        draft.write('/count', String(next));
        return next;
      }),
    );
    expect(await Promise.all(counts)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
    expect(disk.writes - before).toBe(1);
  });

  test('a reader sees the state on disk and keeps the one it has', async () => {
    const { disk, database } = await open();
    let release = (): void => undefined;
    disk.gate = new Promise((resolve) => (release = resolve));
    const writing = database.transact((draft) => draft.write('/a', '1'));
    await Promise.resolve();
    const early = database.view();
    expect(early.exists('/a')).toBe(false);
    release();
    await writing;
    expect(early.exists('/a')).toBe(false);
    expect(database.view().exists('/a')).toBe(true);
  });

  test('listeners hear what changed, once it is on disk', async () => {
    const { database } = await open();
    const heard: unknown[] = [];
    const subscription = database.onChange((changes) => heard.push(...changes));
    await database.transact((draft) => draft.inject('/vm/u', '{"name": "n", "slot": 3}'));
    await database.transact((draft) => draft.write('/vm/u/name', 'n'));
    await database.transact((draft) => draft.rm('/vm/u/slot'));
    subscription[Symbol.dispose]();
    await database.transact((draft) => draft.rm('/vm'));
    expect(heard).toEqual([
      { path: ['vm', 'u', 'name'], text: 'n' },
      { path: ['vm', 'u', 'slot'], text: '3' },
      { path: ['vm', 'u', 'slot'], text: undefined },
    ]);
  });

  test('after close there are none', async () => {
    const { database } = await open();
    const last = database.transact((draft) => draft.write('/a', '1'));
    await database.close();
    await last;
    await expect(database.transact(() => undefined)).rejects.toEqual(withCode('DB_CLOSED'));
  });
});

describe('the tree', () => {
  test('a text is not lost under a child, nor children under a text', async () => {
    const { database } = await open();
    await database.transact((draft) => draft.inject('/a', '{"b": "1"}'));
    await expect(database.transact((draft) => draft.write('/a', 'x'))).rejects.toEqual(
      withCode('DB_HAS_CHILDREN'),
    );
    await expect(database.transact((draft) => draft.write('/a/b/c', 'x'))).rejects.toEqual(
      withCode('DB_NOT_A_FOLDER'),
    );
    expect(database.view().dump('/a')).toBe('{\n  "b": "1"\n}');
  });

  test('removing the last child removes the folder', async () => {
    const { database } = await open();
    await database.transact((draft) => draft.write('/a/b/c', '1'));
    await database.transact((draft) => draft.rm('/a/b/c'));
    expect(database.view().exists('/a')).toBe(false);
  });

  test('items of a list come in the order of their numbers', async () => {
    const { database } = await open();
    await database.transact((draft) =>
      draft.inject('/l', JSON.stringify(Array.from('abcdefghijkl'))),
    );
    await database.transact((draft) => draft.write('/l/name', 'x'));
    expect(database.view().list('/l')).toEqual([...Array(12).keys(), 'name'].map(String));
    expect(database.view().read('/l/10')).toBe('k');
  });

  test.each([
    ['write', '/', 'DB_BAD_PATH'],
    ['write', '/a\nb', 'DB_BAD_PATH'],
    ['write', `/${'n'.repeat(251)}`, 'DB_BAD_PATH'],
    ['write', '/a'.repeat(33), 'DB_BAD_PATH'],
    ['rm', '/a\0', 'DB_BAD_PATH'],
  ] as const)('%s at the path %j is %s', async (verb, path, code) => {
    const { database } = await open();
    await expect(
      database.transact((draft) => (verb === 'rm' ? draft.rm(path) : draft.write(path, 'x'))),
    ).rejects.toEqual(withCode(code));
  });

  test.each([
    ['{', 'DB_BAD_JSON'],
    ['12345678901234567890', 'DB_BAD_JSON'],
    ['{"a/b": 1}', 'DB_BAD_PATH'],
    ['{"": 1}', 'DB_BAD_PATH'],
    ['['.repeat(40) + ']'.repeat(40), 'DB_BAD_JSON'],
    [JSON.stringify('x'.repeat(VALUE_BYTES_MAX + 1)), 'DB_LIMIT'],
    ['"\\ud800"', 'DB_BAD_PATH'],
  ])('the JSON %.20s is %s', async (json, code) => {
    const { database } = await open();
    await expect(database.transact((draft) => draft.inject('/a', json))).rejects.toEqual(
      withCode(code),
    );
    expect(database.view().exists('/a')).toBe(false);
  });

  test('names that mean something to JavaScript are names like others', async () => {
    const { database } = await open();
    await database.transact((draft) => draft.inject('/a', '{"__proto__": {"toString": "1"}}'));
    expect(database.view().read('/a/__proto__/toString')).toBe('1');
    expect(database.view().dump('/a')).toContain('"__proto__"');
  });

  test('a guest can keep only so much, and can still remove some of it', async () => {
    const { database } = await open();
    const text = 'x'.repeat(VALUE_BYTES_MAX);
    const fill = (names: readonly string[]): Promise<void> =>
      database.transact((draft) => {
        for (const name of names) draft.write(`/dom-store/u1/${name}`, text);
      });
    const fitting = Math.floor(GUEST_STORE_BYTES_MAX / (VALUE_BYTES_MAX + 1));
    await fill([...Array(fitting).keys()].map(String));
    await expect(fill(['x', 'y'])).rejects.toEqual(withCode('DB_LIMIT'));
    await database.transact((draft) => draft.rm('/dom-store/u1/0'));
    await fill(['x']);
    await database.transact((draft) => draft.write('/dom-store/u2/a', text));
  });
});

describe('when the disk fails', () => {
  test.each(['before', 'after'] as const)(
    'a write that fails %s the disk took it changes nothing, and the next one works',
    async (failure) => {
      const { disk, database } = await open();
      await database.transact((draft) => draft.write('/a', 'old'));
      disk.failure = failure;
      await expect(
        database.transact((draft) => {
          draft.write('/a', 'new');
          draft.write('/b', 'new');
        }),
      ).rejects.toEqual(withCode('DB_DISK_FULL'));
      expect(database.view().read('/a')).toBe('old');
      expect(database.view().exists('/b')).toBe(false);
      await database.transact((draft) => draft.write('/c', '1'));
      expect(Object.fromEntries(disk.texts)).toEqual({
        '/a': 'old',
        '/c': '1',
        '/db-version': SCHEMA_VERSION,
      });
      expect(disk.opened).toBe(2);
    },
  );

  test('what waited for a later write is not lost with the failed one', async () => {
    const { disk, database } = await open();
    disk.failure = 'before';
    const first = database.transact((draft) => draft.write('/a', '1'));
    const failed = expect(first).rejects.toEqual(withCode('DB_DISK_FULL'));
    await Promise.resolve();
    await Promise.resolve();
    const second = database.transact((draft) => draft.write('/b', '1'));
    await failed;
    await second;
    expect(database.view().list('/')).toEqual(['b', 'db-version']);
  });
});

describe('the layout', () => {
  test('settings of a 2016 database are renamed', async () => {
    const disk = new MemoryDisk();
    for (const [path, text] of Object.entries({
      '/db-version': '34',
      '/vm/u/config/hvm': 'true',
      '/vm/u/config/v4v': 'true',
      '/vm/u/config/acpi-pt': 'false',
      '/vm/u/config/smbios-pt': 'true',
      '/vm/u/v4v-firewall-rules/0': 'myself -> 0:4001',
    })) {
      disk.texts.set(path, text);
    }
    const { database } = await open(disk);
    expect(JSON.parse(database.view().dump('/'))).toEqual({
      'db-version': '42',
      vm: {
        u: {
          'argo-firewall-rules': { 0: 'myself -> 0:4001' },
          config: { 'acpi-table': 'false', argo: 'true', 'virt-type': 'hvm' },
        },
      },
    });
  });

  test.each(['33', '43', '', 'x'])(
    'the version "%s" is refused and left alone',
    async (version) => {
      const disk = new MemoryDisk();
      disk.texts.set('/db-version', version);
      await expect(open(disk)).rejects.toEqual(withCode('DB_SCHEMA'));
      expect(disk.texts.get('/db-version')).toBe(version);
    },
  );

  test('replacing the whole tree keeps the version', async () => {
    const { database } = await open();
    await database.transact((draft) => draft.inject('/', '{"a": {"b": "c"}}'));
    expect(database.view().list('/')).toEqual(['a', 'db-version']);
  });

  test('a text and a folder at one path are damage', async () => {
    const disk = new MemoryDisk();
    disk.texts.set('/a', '1').set('/a/b', '2');
    await expect(open(disk)).rejects.toEqual(withCode('DB_UNAVAILABLE'));
  });
});
