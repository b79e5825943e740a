/** Who may do what to which node (docs/misc/xenstore.txt, `SET_PERMS`). */
import { answers, home, type StoreBench, storeCase, type StoreCase } from './xenstore-case.ts';

/** What a guest that is domain 7 gets from a node of Dom0 with these permissions. */
const RIGHTS: readonly (readonly [permissions: string, read: string, write: string])[] = [
  ['n0', 'EACCES', 'EACCES'],
  ['r0', 'kept', 'EACCES'],
  ['w0', 'EACCES', 'OK'],
  ['b0', 'kept', 'OK'],
  ['n0 r7', 'kept', 'EACCES'],
  ['n0 w7', 'EACCES', 'OK'],
  ['n0 b7', 'kept', 'OK'],
  ['b0 n7', 'EACCES', 'EACCES'],
  ['b0 r7', 'kept', 'EACCES'],
  ['n0 r8', 'EACCES', 'EACCES'],
  ['r0 b8', 'kept', 'EACCES'],
  ['n0 n8 b7', 'kept', 'OK'],
  ['n7', 'kept', 'OK'],
  ['n7 n7', 'kept', 'OK'],
  ['n8 r7', 'kept', 'EACCES'],
];

const MALFORMED = ['x0', '0', 'n', 'nn0', 'rx', ''];

async function withNode(bench: StoreBench, permissions: string): Promise<void> {
  await bench.host.setDomain(8, 'alive');
  await answers(bench.dom0.introduce(8), 'OK');
  await answers(bench.dom0.write('/node', 'kept'), 'OK');
  await answers(bench.dom0.chmod('/node', permissions), 'OK');
}

/** Cases of the theme "permission". */
export const permissionCases: readonly StoreCase[] = [
  ...RIGHTS.flatMap(([permissions, read, write]): StoreCase[] => [
    storeCase(`reading a node of ${permissions} gives domain 7 ${read}`, async (bench) => {
      const guest = await bench.guest(7);
      await withNode(bench, permissions);
      await answers(guest.read('/node'), read);
    }),
    storeCase(`writing a node of ${permissions} gives domain 7 ${write}`, async (bench) => {
      const guest = await bench.guest(7);
      await withNode(bench, permissions);
      await answers(guest.write('/node', 'new'), write);
      await answers(bench.dom0.read('/node'), write === 'OK' ? 'new' : 'kept');
    }),
  ]),
  storeCase('Dom0 may do everything to a node of a guest', async (bench) => {
    await bench.guest(7);
    const { dom0 } = bench;
    await answers(dom0.write(home(7), 'v'), 'OK');
    await answers(dom0.read(home(7)), 'v');
    await answers(dom0.write(`${home(7)}/below`, ''), 'OK');
    await answers(dom0.rm(`${home(7)}/below`), 'OK');
  }),
  storeCase(
    'permissions come back in the order and with the letters that were set',
    async (bench) => {
      await withNode(bench, 'w0 b8 n0 r8');
      await answers(bench.dom0.permissions('/node'), 'w0 b8 n0 r8');
    },
  ),
  storeCase(
    "a node made by Dom0 takes its parent's permissions over, owner and all",
    async (bench) => {
      const { dom0 } = bench;
      await bench.guest(7);
      await dom0.chmod(home(7), 'n7 r0');
      await dom0.write(`${home(7)}/a/b`, '');
      await answers(dom0.permissions(`${home(7)}/a`), 'n7 r0');
      await answers(dom0.permissions(`${home(7)}/a/b`), 'n7 r0');
    },
  ),
  storeCase(
    "a node made by a guest takes its parent's list over and belongs to the guest",
    async (bench) => {
      const guest = await bench.guest(7);
      await withNode(bench, 'r0 b7 r8');
      await answers(guest.write('/node/a/b', ''), 'OK');
      await answers(bench.dom0.permissions('/node/a'), 'r7 b7 r8');
      await answers(bench.dom0.permissions('/node/a/b'), 'r7 b7 r8');
      await answers(bench.dom0.permissions('/node'), 'r0 b7 r8');
    },
  ),
  storeCase('later changes of a parent do not touch its children', async (bench) => {
    await withNode(bench, 'r0');
    await bench.dom0.write('/node/a', '');
    await bench.dom0.chmod('/node', 'n0');
    await answers(bench.dom0.permissions('/node/a'), 'r0');
  }),
  storeCase('writing a value leaves the permissions as they are', async (bench) => {
    await withNode(bench, 'n8 r0');
    await bench.dom0.write('/node', 'other');
    await answers(bench.dom0.permissions('/node'), 'n8 r0');
  }),
  storeCase('a node can be read by who may not read its parent', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write('/hidden/open', 'v');
    await bench.dom0.chmod('/hidden/open', 'r0');
    await answers(guest.list('/hidden'), 'EACCES');
    await answers(guest.read('/hidden/open'), 'v');
  }),
  storeCase(
    'a guest that may not read the nodes above is not told that a node is missing',
    async (bench) => {
      const guest = await bench.guest(7);
      await answers(guest.read('/none'), 'EACCES');
      await answers(guest.read('/tool/none'), 'EACCES');
    },
  ),
  storeCase('a guest is told ENOENT where it may read the node above', async (bench) => {
    const guest = await bench.guest(7);
    await answers(guest.read('none'), 'ENOENT');
    await answers(guest.read('none/below'), 'ENOENT');
  }),
  storeCase('making a child takes the right to write the parent', async (bench) => {
    const guest = await bench.guest(7);
    await withNode(bench, 'r0');
    await answers(guest.write('/node/a', ''), 'EACCES');
    await answers(guest.mkdir('/node/a'), 'EACCES');
    await bench.dom0.chmod('/node', 'w0');
    await answers(guest.mkdir('/node/a'), 'OK');
  }),
  storeCase('removing takes the right to write the node itself, not its parent', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write(`${home(7)}/fixed`, 'v');
    await bench.dom0.chmod(`${home(7)}/fixed`, 'n0 r7');
    await answers(guest.rm('fixed'), 'EACCES');
    await bench.dom0.write('/open/mine', '');
    await bench.dom0.chmod('/open/mine', 'n7');
    await answers(guest.rm('/open/mine'), 'OK');
  }),
  storeCase('a guest that removes its node removes what Dom0 keeps below it', async (bench) => {
    const guest = await bench.guest(7);
    await bench.dom0.write(`${home(7)}/dir/fixed`, 'v');
    await bench.dom0.chmod(`${home(7)}/dir/fixed`, 'n0');
    await answers(guest.rm('dir'), 'OK');
    await answers(bench.dom0.read(`${home(7)}/dir/fixed`), 'ENOENT');
  }),
  storeCase("reading a node's permissions takes the right to read it", async (bench) => {
    const guest = await bench.guest(7);
    await withNode(bench, 'w0');
    await answers(guest.permissions('/node'), 'EACCES');
    await bench.dom0.chmod('/node', 'r0');
    await answers(guest.permissions('/node'), 'r0');
  }),
  storeCase('setting permissions takes being the owner', async (bench) => {
    const guest = await bench.guest(7);
    await withNode(bench, 'b0');
    await answers(guest.chmod('/node', 'b0 b7'), 'EACCES');
    await answers(bench.dom0.permissions('/node'), 'b0');
  }),
  storeCase('an owner opens and closes its node to others', async (bench) => {
    const owner = await bench.guest(7);
    const other = await bench.guest(8);
    await owner.write('shared', 'v');
    await answers(other.read(`${home(7)}/shared`), 'EACCES');
    await answers(owner.chmod('shared', 'n7 r8'), 'OK');
    await answers(other.read(`${home(7)}/shared`), 'v');
    await answers(owner.chmod('shared', 'n7'), 'OK');
    await answers(other.read(`${home(7)}/shared`), 'EACCES');
  }),
  storeCase('a guest cannot give a node away', async (bench) => {
    const guest = await bench.guest(7);
    await bench.host.setDomain(8, 'alive');
    await guest.write('mine', '');
    await answers(guest.chmod('mine', 'n8'), bench.traits.ownerChangeError);
    await answers(guest.chmod('mine', 'n0 b7'), bench.traits.ownerChangeError);
    await answers(guest.permissions('mine'), 'n7');
  }),
  storeCase('Dom0 gives a node to a guest, which then owns it', async (bench) => {
    const guest = await bench.guest(7);
    await withNode(bench, 'n7');
    await answers(guest.chmod('/node', 'r7'), 'OK');
    await answers(guest.rm('/node'), 'OK');
  }),
  ...MALFORMED.map((text): StoreCase =>
    storeCase(`"${text}" is no permission`, async (bench) => {
      await withNode(bench, 'n0');
      await answers(bench.dom0.chmod('/node', `n0 ${text}`), 'EINVAL');
      await answers(bench.dom0.permissions('/node'), 'n0');
    }),
  ),
  storeCase('a permission list without entries is EINVAL', async (bench) => {
    await withNode(bench, 'n0');
    await answers(bench.dom0.askRaw(14, '/node\0'), 'EINVAL');
  }),
  ...(['read', 'list', 'permissions', 'rm', 'mkdir'] as const).map((verb): StoreCase =>
    storeCase(`the root is no exception: ${verb} is refused to a guest`, async (bench) => {
      const guest = await bench.guest(7);
      await answers(guest[verb]('/'), 'EACCES');
    }),
  ),
  storeCase('a guest cannot write below the root, nor take it', async (bench) => {
    const guest = await bench.guest(7);
    await answers(guest.write('/own', 'v'), 'EACCES');
    await answers(guest.write('/', 'v'), 'EACCES');
    await answers(guest.chmod('/', 'b7'), bench.traits.rootOwnerChangeError);
  }),
  storeCase("a guest's relative path is below its home", async (bench) => {
    const guest = await bench.guest(7);
    await answers(guest.write('data/x', 'v'), 'OK');
    await answers(bench.dom0.read(`${home(7)}/data/x`), 'v');
    await answers(guest.list('data'), 'x');
  }),
];
