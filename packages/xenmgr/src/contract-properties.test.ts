/** The properties of the D-Bus interfaces over the bus: read, written, refused, kept, and handed to the monitor. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { addContractVms, CONTRACT_VM, OTHER_VM, playPrograms } from './contract-vms.test-helper.ts';
import { diskPath, nicPath, vmPath } from './objects/paths.ts';
import { PROPERTIES_OF } from './properties/properties.ts';
import type { PropertyRow } from './properties/property-row.ts';
import { checkedValue } from './properties/value-codec.ts';
import { IS_BUILT, ManagerBench } from './testing/manager-bench.test-helper.ts';

const describeBuilt = IS_BUILT ? describe : describe.skip;
jest.setTimeout(60_000);

const XENMGR = 'com.citrix.xenclient.xenmgr';
const VM_INTERFACE = `${XENMGR}.vm`;
const UNRESTRICTED = `${VM_INTERFACE}.unrestricted`;
const HOST_INTERFACE = `${XENMGR}.host`;
const VM = vmPath(CONTRACT_VM);

const PATHS: Readonly<Record<string, string>> = {
  [`${XENMGR}.config`]: '/',
  [`${XENMGR}.config.ui`]: '/',
  [HOST_INTERFACE]: '/host',
  [VM_INTERFACE]: VM,
  [UNRESTRICTED]: VM,
  'com.citrix.xenclient.vmdisk': diskPath(CONTRACT_VM, 0),
  'com.citrix.xenclient.vmnic': nicPath(CONTRACT_VM, 0),
};

const EVERY = Object.entries(PROPERTIES_OF).flatMap(([owner, rows]) =>
  rows.map((row) => ({ owner, name: row.name, row, path: PATHS[owner] ?? '/' })),
);
/** Those that change what others read come last. */
const LAST: readonly string[] = ['native-experience', 'policy-modify-vm-settings'];
const WRITABLE = EVERY.filter(
  ({ name, row }) => row.access === 'readwrite' && !LAST.includes(name),
);

const TEXTS = [
  ...['de-de', 'tools.iso', 'a', 'none', 'dc', '/a/b', '0-1', 'hdb', '0000:01:00.0'],
  ...['00:16:3e:00:00:02', '22222222-0000-4000-8000-000000000001', 'a/b', 'linux', ''],
];
const BAD_TEXTS = ['two\nlines', 'no such ;:/ value', '../x'];
const NUMBERS = [3, 1, 9, 40, 2048];
const BAD_NUMBERS = [2 ** 31 - 1, -(2 ** 31)];
/** Where the check of the row does not say it all. */
const CHOSEN: Readonly<Record<string, string>> = {
  language: 'de-de',
  cd: 'tools.iso',
  'depends-on': OTHER_VM,
  // Dom0 serves every disk.
  [`${diskPath(CONTRACT_VM, 0)} backend-name`]: '',
  [`${diskPath(CONTRACT_VM, 0)} backend-uuid`]: '',
};

function passes(row: PropertyRow, value: unknown): boolean {
  try {
    checkedValue(row, value);
    return true;
  } catch {
    return false;
  }
}

/** A value that the property can have and does not have now. */
function newValue(row: PropertyRow, before: unknown, path: string): unknown {
  const chosen = CHOSEN[`${path} ${row.name}`] ?? CHOSEN[row.name];
  if (chosen !== undefined) return chosen;
  if (row.type === 'b') return before !== true;
  const choices = row.check.kind === 'choice' ? row.check.of : [];
  const candidates = row.type === 'i' ? NUMBERS : [...choices, ...TEXTS];
  return candidates.find((value) => value !== before && passes(row, value));
}

/** A value of the right type that it cannot have; undefined where it can have them all. */
function badValue(row: PropertyRow): unknown {
  const candidates = row.type === 'i' ? BAD_NUMBERS : row.type === 's' ? BAD_TEXTS : [];
  return candidates.find((value) => !passes(row, value));
}

let bench: ManagerBench;
beforeAll(async () => {
  if (!IS_BUILT) return;
  bench = await ManagerBench.open();
  playPrograms(bench);
  await addContractVms(bench);
  await bench.database.transact((draft) => {
    const drive = {
      path: '/isos/null.iso',
      type: 'file',
      device: 'hdc',
      mode: 'r',
      devtype: 'cdrom',
    };
    draft.inject(`/vm/${CONTRACT_VM}/config/disk/1`, JSON.stringify({ ...drive, enable: 'false' }));
    const wireless = { id: '1', network: '/wireless/0/shared', 'wireless-driver': 'true' };
    draft.inject(
      `/vm/${CONTRACT_VM}/config/nic/1`,
      JSON.stringify({ ...wireless, enable: 'false' }),
    );
  });
});
afterAll(async () => {
  if (IS_BUILT) await bench[Symbol.asyncDispose]();
});

const set = (path: string, owner: string, name: string, value: unknown): Promise<void> =>
  bench.set(path, owner, name, value);
const get = (path: string, owner: string, name: string): Promise<unknown> =>
  bench.get(path, owner, name);

describeBuilt('an interface', () => {
  test.each(Object.entries(PATHS))('%s reads all its properties', async (owner, path) => {
    const rows = PROPERTIES_OF[owner] ?? [];
    const values = await bench.getAll(path, owner);
    expect(Object.keys(values).sort()).toEqual(rows.map(({ name }) => name).sort());
    const [first] = rows;
    if (first !== undefined) expect(await get(path, owner, first.name)).toEqual(values[first.name]);
  });
});

describeBuilt('a property that can be set', () => {
  test.each(WRITABLE)(
    '$owner $name takes a value, and no bad one',
    async ({ owner, row, path }) => {
      const { name } = row;
      const value = newValue(row, await get(path, owner, name), path);
      expect(value).toBeDefined();
      await set(path, owner, name, value);
      expect(await get(path, owner, name)).toEqual(value);
      const bad = badValue(row);
      if (bad !== undefined) {
        const errorName = `${XENMGR}.Error.BadValue`;
        await expect(set(path, owner, name, bad)).rejects.toMatchObject({ errorName });
      }
      const isFlag = row.type === 'b';
      await expect(
        bench.setVariant(path, owner, name, isFlag ? 'i' : 'b', isFlag ? 1 : true),
      ).rejects.toMatchObject({ errorName: 'org.freedesktop.DBus.Error.InvalidArgs' });
      expect(await get(path, owner, name)).toEqual(value);
    },
  );

  test('is refused where it can only be read', async () => {
    for (const { owner, name, row, path } of EVERY) {
      if (row.access !== 'read' || !['b', 'i', 's'].includes(row.type)) continue;
      const value = row.type === 'b' ? true : row.type === 'i' ? 1 : 'a';
      await expect(set(path, owner, name, value)).rejects.toMatchObject({
        errorName: 'org.freedesktop.DBus.Error.PropertyReadOnly',
      });
    }
  });

  test('is kept when the manager starts again', async () => {
    const stored = async (): Promise<unknown> =>
      Promise.all(
        Object.entries(PATHS)
          .filter(([owner]) => owner !== HOST_INTERFACE)
          .map(async ([owner, path]) => bench.getAll(path, owner)),
      );
    const host = async (): Promise<unknown> =>
      Promise.all(
        ['playback-pcm', 'capture-pcm', 'ui-ready'].map((name) =>
          get('/host', HOST_INTERFACE, name),
        ),
      );
    const before = [await stored(), await host()];
    await bench.stop();
    await bench.start();
    expect([await stored(), await host()]).toEqual(before);
  });

  test('native-experience changes what others read', async () => {
    await set(VM, UNRESTRICTED, 'show-switcher', true);
    await set(VM, VM_INTERFACE, 'native-experience', true);
    expect(await get(VM, VM_INTERFACE, 'show-switcher')).toBe(false);
    await set(VM, VM_INTERFACE, 'native-experience', false);
    expect(await get(VM, VM_INTERFACE, 'show-switcher')).toBe(true);
  });

  test('of a VM is refused by its policy, on each interface but the unrestricted one', async () => {
    await set(VM, VM_INTERFACE, 'policy-modify-vm-settings', false);
    const guarded = EVERY.filter(({ row }) => row.policy !== undefined);
    expect(guarded.length).toBeGreaterThan(100);
    for (const { owner, row, path } of guarded) {
      const before = await get(path, owner, row.name);
      const value = newValue(row, before, path) ?? before;
      await expect(set(path, owner, row.name, value)).rejects.toMatchObject({
        errorName: `${XENMGR}.Error.ForbiddenByVmPolicy`,
        message: expect.stringMatching(/^202:/),
      });
    }
    await set(VM, UNRESTRICTED, 'policy-modify-vm-settings', true);
    expect(await get(VM, VM_INTERFACE, 'policy-modify-vm-settings')).toBe(true);
  });
});

describeBuilt('a setting over the bus', () => {
  test('is in the configuration that the monitor has of a VM that starts', async () => {
    const uuid = '33333333-0000-4000-8000-00000000000c';
    await bench.addVm(uuid);
    const settings = { memory: 20, 'memory-static-max': 24, vcpus: 2, 'cmd-line': 'sim.quiet' };
    for (const [name, value] of Object.entries(settings)) {
      await set(vmPath(uuid), VM_INTERFACE, name, value);
    }
    await bench.call({ path: vmPath(uuid), interface: VM_INTERFACE, member: 'start' });
    const text = await readFile(path.join(bench.places.run, `${uuid}.conf`), 'utf8');
    const lines = ['memory=20', 'memory-max=24', 'vcpus=2', 'cmdline=sim.quiet'];
    expect(text.split('\n')).toEqual(expect.arrayContaining(lines));
    const field = await bench.manager.monitors.call(uuid, 'get', { field: 'vcpus' });
    expect(field).toBe('2');
    await bench.call({ path: vmPath(uuid), interface: VM_INTERFACE, member: 'destroy' });
  });
});
