/** The nodes of a PV domain, of which each is also xl's on Xen 4.17 but those of our own record, as `xenstore-ls -fp` shows them. */
import { describe, expect, test } from '@jest/globals';
import { domid, evtchn, vmUuid } from '../ids.ts';
import { breakDownMemory } from '../memory/breakdown.ts';
import { MemoryTree } from '../xenstore/memory-tree.test-helper.ts';
import { applyTreeChange } from '../xenstore/nodes.ts';
import { renderPermissions } from '../xenstore/permissions.ts';
import { isPath } from '../xenstore/wire/path.ts';
import { builtTree, madeTree, type BuiltDomain, type DomainIdentity } from './layout.ts';

const U = '00112233-4455-6677-8899-aabbccddeeff';
const guest = domid(7);
const identity: DomainIdentity = {
  uuid: vmUuid(U),
  name: 'alpine',
  guestType: 'pv',
  maxVcpus: 2,
  ssidref: 0,
};
const config = {
  kind: 'pv',
  memoryKib: 131_072,
  vcpus: 2,
  kernelPath: '/boot/vmlinuz',
  ramdiskPath: '/boot/initrd',
  cmdline: 'root=/dev/xvda1 ro',
} as const;
const built: BuiltDomain = {
  uuid: vmUuid(U),
  config,
  memory: breakDownMemory({ guestType: 'pv', vcpus: 2, targetKib: 131_072 }),
  storeEvtchn: evtchn(1),
  storeFrame: 0x1_0000_0001n,
  consoleEvtchn: evtchn(2),
  consoleFrame: 0x1_0000_0002n,
  startTimeMs: 1_700_000_000_126,
};

const MADE = [
  // The domain's own nodes: roots and folders are the toolstack's and readable, leaves listed here the guest's.
  '/local/domain/7 (n0 r7) = ',
  '/local/domain/7/vm (n0 r7) = /vm/00112233-4455-6677-8899-aabbccddeeff',
  '/local/domain/7/name (n0 r7) = alpine',
  '/local/domain/7/device (n0 r7) = ',
  '/local/domain/7/device/suspend (n0 r7) = ',
  '/local/domain/7/device/suspend/event-channel (n7) = ',
  '/local/domain/7/control (n0 r7) = ',
  '/local/domain/7/control/shutdown (n7) = ',
  '/local/domain/7/control/feature-poweroff (n7) = ',
  '/local/domain/7/control/feature-reboot (n7) = ',
  '/local/domain/7/control/feature-suspend (n7) = ',
  '/local/domain/7/control/sysrq (n7) = ',
  '/local/domain/7/control/platform-feature-multiprocessor-suspend (n0 r7) = 1',
  '/local/domain/7/control/platform-feature-xs_reset_watches (n0 r7) = 1',
  '/local/domain/7/data (n7) = ',
  '/local/domain/7/drivers (n7) = ',
  '/local/domain/7/feature (n7) = ',
  '/local/domain/7/attr (n7) = ',
  '/local/domain/7/error (n7) = ',
  '/vm/00112233-4455-6677-8899-aabbccddeeff (n0 r7) = ',
  '/vm/00112233-4455-6677-8899-aabbccddeeff/uuid (n0 r7) = 00112233-4455-6677-8899-aabbccddeeff',
  '/vm/00112233-4455-6677-8899-aabbccddeeff/name (n0 r7) = alpine',
  // The trusted record, which no guest reads.
  '/libxl/7 (n0) = ',
  '/libxl/7/type (n0) = pv',
  '/libxl/7/dm-version (n0) = qemu_xen',
  // What is ours alone.
  '/libxl/7/xenops (n0) = ',
  '/libxl/7/xenops/domain (n0) = {"uuid":"00112233-4455-6677-8899-aabbccddeeff","state":"made","maxVcpus":2,"ssidref":0}',
];

const ADDED_BY_BUILD = [
  '/libxl/7/xenops/build (n0) = ',
  '/libxl/7/xenops/build/0 (n0) = {"kind":"pv","memoryKib":131072,"vcpus":2,"kernelPath":"/boot/vmlinuz","ramdiskPath":"/boot/initrd","cmdline":"root=/dev/xvda1 ro"}',
  '/local/domain/7/memory (n0 r7) = ',
  '/local/domain/7/memory/static-max (n0 r7) = 131072',
  '/local/domain/7/memory/target (n0 r7) = 131072',
  '/local/domain/7/domid (n0 r7) = 7',
  '/local/domain/7/cpu (n0 r7) = ',
  '/local/domain/7/cpu/0 (n0 r7) = ',
  '/local/domain/7/cpu/0/availability (n0 r7) = online',
  '/local/domain/7/cpu/1 (n0 r7) = ',
  '/local/domain/7/cpu/1/availability (n0 r7) = online',
  '/vm/00112233-4455-6677-8899-aabbccddeeff/start_time (n0 r7) = 1700000000.13',
  // The primary console, which xenconsoled serves.
  '/local/domain/7/console (n0 r7) = ',
  '/local/domain/7/console/limit (n0 r7) = 1048576',
  '/local/domain/7/console/type (n0 r7) = xenconsoled',
  '/local/domain/7/console/port (n0 r7) = 2',
  '/local/domain/7/console/ring-ref (n0 r7) = 4294967298',
  // Where xl looks for devices.
  '/libxl/7/device (n0) = ',
  '/libxl/7/device/console (n0) = ',
  '/libxl/7/device/console/0 (n0) = ',
  '/libxl/7/device/console/0/backend (n0) = /local/domain/0/backend/console/7/0',
];

/** Folders of the host, which are there before any domain. */
const HOST_FOLDERS = ['/libxl', '/local', '/local/domain', '/vm'];
const withFolders = (lines: readonly string[], ...folders: readonly string[]): readonly string[] =>
  [...lines, ...folders.map((folder) => `${folder} (n0) = `)].sort();

async function treeAfter(...changes: readonly ReturnType<typeof madeTree>[]): Promise<MemoryTree> {
  const tree = new MemoryTree();
  for (const change of changes) await applyTreeChange(tree, change);
  return tree;
}

describe('a PV domain', () => {
  test('that was made has exactly these nodes', async () => {
    const tree = await treeAfter(madeTree(guest, identity));
    expect(tree.lines()).toEqual(withFolders(MADE, ...HOST_FOLDERS));
  });

  test('that was loaded has exactly these besides; what its record says changes only later', async () => {
    const tree = await treeAfter(madeTree(guest, identity), builtTree(guest, built));
    expect(tree.lines()).toEqual(withFolders([...MADE, ...ADDED_BY_BUILD], ...HOST_FOLDERS));
  });

  test('made again leaves nothing of what an earlier one of the domid or uuid had', async () => {
    const tree = new MemoryTree();
    for (const root of ['/local/domain/7', `/vm/${U}`, '/libxl/7']) {
      await tree.write(`${root}/left/over`, 'old');
    }
    await tree.write('/local/domain/70/name', 'neighbour');
    await applyTreeChange(tree, madeTree(guest, identity));
    expect(tree.lines().filter((line) => line.includes('left'))).toEqual([]);
    expect(await tree.read('/local/domain/70/name')).toBe('neighbour');
  });
});

describe('the record', () => {
  test.each(['pv', 'pvh', 'hvm'] as const)('says that a domain is %s', (guestType) => {
    const { write } = madeTree(guest, { ...identity, guestType });
    expect(write).toContainEqual({ path: '/libxl/7/type', value: guestType });
  });
});

test('hvmloader is told where further tables lie', () => {
  const hvm = { ...built, config: { kind: 'hvm', memoryKib: 131_072, vcpus: 2 } } as const;
  const loaderNodes = (change: Partial<BuiltDomain>) =>
    builtTree(guest, { ...hvm, ...change }).write.flatMap(({ path, value }) =>
      path.startsWith('/local/domain/7/hvmloader/') ? [`${path.slice(26)} ${value}`] : [],
    );
  expect(loaderNodes({})).toEqual(['bios seabios', 'allow-memory-relocate 0']);
  const smbiosModule = { addressBytes: 0x1_ffff_f000n, sizeBytes: 411 };
  expect(loaderNodes({ smbiosModule })).toEqual(
    expect.arrayContaining(['smbios/address 0x1fffff000', 'smbios/length 0x19b']),
  );
});

describe('what a guest may write', () => {
  const changes = [madeTree(guest, identity), builtTree(guest, built)];

  test('is no folder of something that the toolstack reads, and no more than xl gives it', async () => {
    const tree = await treeAfter(...changes);
    const guestOwned = tree.lines().filter((line) => line.includes('(n7'));
    expect(guestOwned).toEqual(
      [
        ...[
          'attr',
          'control/feature-poweroff',
          'control/feature-reboot',
          'control/feature-suspend',
        ],
        ...['control/shutdown', 'control/sysrq', 'data', 'device/suspend/event-channel'],
        ...['drivers', 'error', 'feature'],
      ].map((node) => `/local/domain/7/${node} (n7) = `),
    );
  });

  test('is given by ownership alone: nobody else may write anything', () => {
    for (const { permissions } of changes.flatMap(({ write }) => write)) {
      if (permissions === undefined) continue;
      for (const text of renderPermissions(permissions)) expect(text).toMatch(/^[nr]/);
    }
  });
});

test('every path is one that xenstored takes', () => {
  for (const { rm, write } of [madeTree(guest, identity), builtTree(guest, built)]) {
    for (const path of [...rm, ...write.map((node) => node.path)]) expect(isPath(path)).toBe(true);
  }
});

test.each([
  [0, '0.00'],
  [1_700_000_000_000, '1700000000.00'],
  [1_700_000_000_990, '1700000000.99'],
])('the start time %d ms is written in seconds and hundredths', (startTimeMs, text) => {
  const { write } = builtTree(guest, { ...built, startTimeMs });
  expect(write).toContainEqual({ path: `/vm/${U}/start_time`, value: text });
});
