/**
 * Stub domains on real Xen, with the test guest's kernel in place of a Linux with qemu: whose they are for Xen, for xl and in xenstore, what they may
 * write there, and how they go. Run by stub-domains.long.lab.ts as `node --test`, with the kernel, a file for the disk and a bridge in the environment.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { after, afterEach, before, describe, test } from 'node:test';
import { connect } from '@xenops/core/connect';
import { attachDevice, describeVbd, describeVif } from '@xenops/core/devices';
import { startStubDomain } from '@xenops/core/dm';
import { findLeftovers, inspectHost } from '@xenops/core/doctor';
import { buildDomain, createDomain, destroyDomain } from '@xenops/core/domain';
import type { Host } from '@xenops/core/host';
import { randomVmUuid, type Domid } from '@xenops/core/ids';
import { renderPermissions, valueBecomes, waitFor } from '@xenops/core/xenstore';

const { TESTGUEST = '', DISK = '', BRIDGE = '' } = process.env;
const GUEST_KIB = 32_768;
const STUB_KIB = 8192;
const MAC = '00:16:3e:00:00:01';
const TIMEOUT_MS = 120_000;
/** Room for Xen's own memory, which comes and goes by some pages. */
const UNIT_KIB = 4096;
const LOG = '/var/log/xen/qemu-dm-desk.log';

let host: Host & AsyncDisposable;
let alone: unknown;

const run = (...[program = '', ...args]: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8' });

/** What must be the same when a guest and its stub are gone. */
async function countAll(): Promise<Readonly<Record<string, unknown>>> {
  const { freeMemoryKib, scrubMemoryKib, outstandingMemoryKib } = await host.hypervisor.physInfo();
  return {
    freeMemory: Math.round((freeMemoryKib + scrubMemoryKib) / UNIT_KIB),
    outstandingMemoryKib,
    domains: (await host.hypervisor.listDomains()).map(({ domid }) => domid),
    nodes: run('xenstore-ls', '-fp')
      .split('\n')
      .filter((line) => !/^\/(libxl|vm) = ""/.test(line)),
    loops: run('losetup', '--list', '--noheadings'),
    links: readdirSync('/sys/class/net'),
    models: run('sh', '-c', 'pgrep -f [q]emu-system-i386 || true'),
    leftovers: findLeftovers(await inspectHost(host)),
  };
}

interface Pair {
  readonly guest: Domid;
  readonly stub: Domid;
  readonly uuid: string;
}

/** An HVM guest in its firmware, and its stub domain, which says that it serves and does what it is asked. */
async function makePair(): Promise<Pair> {
  const uuid = randomVmUuid();
  const guest = await createDomain(host, { uuid, guestType: 'hvm', name: 'desk', maxVcpus: 1 });
  await buildDomain(host, guest, { kind: 'hvm', memoryKib: GUEST_KIB, vcpus: 1 });
  await attachDevice(
    host,
    describeVbd({ domid: guest, guestType: 'hvm' }, { vdev: 'hda', target: DISK, readOnly: false }),
  );
  const network = { kind: 'bridge', bridge: BRIDGE } as const;
  const nic = { devid: 0, mac: MAC, network, isEmulated: true, emulatedCard: 'e1000' } as const;
  await attachDevice(host, describeVif(guest, nic));
  const stub = await startStubDomain(
    host,
    guest,
    {
      kernelPath: TESTGUEST,
      cmdline: `testguest.run=write,device-model/${guest}/state,running`,
      memoryKib: STUB_KIB,
      model: { bootOrder: 'c' },
    },
    { timeoutMs: TIMEOUT_MS },
  );
  return { guest, stub, uuid };
}

const destroy = (domid: Domid): Promise<void> =>
  destroyDomain(host, domid, { timeoutMs: TIMEOUT_MS });

/** Has the test guest do something, and gives its answer. */
async function ask(domid: Domid, request: string): Promise<string> {
  const node = `/local/domain/${domid}/data/testguest`;
  await host.store.write(`${node}/request`, request);
  await waitFor(host.store, valueBecomes(`${node}/request`, ''), { timeoutMs: TIMEOUT_MS });
  return host.store.read(`${node}/reply`);
}

/** A node's value, and who may do what with it. */
const nodeAt = async (path: string): Promise<string> => {
  const [value, permissions] = await Promise.all([
    host.store.read(path),
    host.store.getPermissions(path),
  ]);
  return `${path} = ${value} (${renderPermissions(permissions).join(',')})`;
};

await describe('a stub domain on real Xen', () => {
  before(async () => {
    host = await connect({ uri: 'xen:' });
    // What the first of them brings into being stays: loop devices, folders of xl.
    await destroy((await makePair()).guest);
    alone = await countAll();
  });
  afterEach(async () => assert.deepEqual(await countAll(), alone));
  after(() => host[Symbol.asyncDispose]());

  void test('a stub domain has the nodes that libxl gives it, its guest has disk and card in it, and both go together', async () => {
    const { guest, stub, uuid } = await makePair();
    assert.equal(run('xl', 'domid', 'desk-dm').trim(), String(stub));
    const [own, guests] = [`/local/domain/${stub}`, `/local/domain/${guest}`];
    const argv = `/vm/${uuid}/image/dm-argv`;
    const expected = [
      `${own}/target = ${guest} (n0,r${stub})`,
      `${own}/device-model/${guest} =  (n${stub},r${guest})`,
      `${own}/device-model/${guest}/state = running (n${stub},r${guest})`,
      `${own}/console/type = ioemu (n0,r${stub})`,
      `${own}/console/output = file:${LOG} (n0,r${stub})`,
      `/local/domain/0/backend/console/${stub}/0/frontend = ${own}/console (n0,r${stub})`,
      ...[`file:/var/lib/xen/qemu-save.${guest}`, 'null', 'pty'].map(
        (output, index) => `${own}/device/console/${index + 1}/output = ${output} (n0,r${stub})`,
      ),
      `${guests}/image/device-model-domid = ${stub} (n0,r${guest})`,
      `/libxl/${guest}/dm-version = qemu_xen (n0)`,
      `${argv} =  (n0,r${stub})`,
      `${argv}/001 = -xen-domid (n0,r${stub})`,
      `${argv}/002 = ${guest} (n0,r${stub})`,
    ];
    const found = await Promise.all(expected.map((line) => nodeAt(line.split(' = ')[0] ?? '')));
    assert.deepEqual(found, expected);
    const words = run('xenstore-ls', argv);
    assert.match(words, /"if=ide,index=0,media=disk,file=\/dev\/xvda,format=raw,cache=writeback"/);
    assert.match(words, /"type=tap,id=net0,ifname=vif\d+\.0-emu,br=/);
    assert.match(await ask(stub, 'disk-size 768'), /^ok \d+ sectors$/);
    assert.match(await ask(stub, 'net 0'), /^ok /);
    // The first console is the log, which the device model in Dom0 writes.
    assert.match(readFileSync(LOG, 'utf8'), /TESTGUEST-UP pv/);
    await destroy(guest);
    assert.equal(await host.hypervisor.findDomain(stub), undefined);
  });

  void test('a stub domain may read and write what its guest may, and what is its own; nothing that steers Dom0', async () => {
    const { guest, stub, uuid } = await makePair();
    const [own, guests] = [`/local/domain/${stub}`, `/local/domain/${guest}`];
    const answers = {
      [`read ${guests}/name`]: 'ok desk',
      [`read /vm/${uuid}/image/dm-argv/001`]: 'ok -xen-domid',
      [`write ${guests}/data/note x`]: 'ok',
      [`write device-model/${guest}/state stopped`]: 'ok',
      [`write /vm/${uuid}/rtc/timeoffset 5`]: 'ok',
      ...Object.fromEntries(
        [
          ...[`${guests}/name`, `${guests}/image/device-model-domid`, `${guests}/memory/target`],
          ...[`${own}/name`, `${own}/target`, `${own}/console/output`],
          ...[`${own}/device/console/1/output`, `${own}/device/console/1/type`],
          ...[`/vm/${uuid}/image/dm-argv/001`, `/libxl/${guest}/dm-version`],
          ...[`/local/domain/0/backend/console/${stub}/0/state`],
          ...[`/local/domain/0/backend/vbd/${guest}/768/params`, '/local/domain/0/name'],
        ].map((path) => [`write ${path} x`, 'error EACCES']),
      ),
      [`read /libxl/${guest}/dm-version`]: 'error EACCES',
    };
    const found: Record<string, string> = {};
    for (const request of Object.keys(answers)) found[request] = await ask(stub, request);
    assert.deepEqual(found, answers);
    await destroy(guest);
  });

  void test('Xen keeps a dead guest for as long as its stub domain lives, which goes with what is left of it', async () => {
    const { guest, stub } = await makePair();
    await host.hypervisor.destroy(guest);
    assert.equal((await host.hypervisor.findDomain(guest))?.dying, true);
    assert.equal((await host.hypervisor.findDomain(stub))?.dying, false);
    await destroy(guest);
  });

  void test('a stub domain can go first, and its guest after it', async () => {
    const { guest, stub } = await makePair();
    await destroy(stub);
    assert.equal((await host.hypervisor.findDomain(guest))?.dying, false);
    await destroy(guest);
  });

  void test('both can be destroyed at once', async () => {
    const { guest, stub } = await makePair();
    await Promise.allSettled([host.hypervisor.destroy(stub), host.hypervisor.destroy(guest)]);
    await destroy(guest);
  });

  void test('xl destroys the stub domain with the guest', async () => {
    const { guest, stub } = await makePair();
    run('xl', 'destroy', String(guest));
    assert.equal(await host.hypervisor.findDomain(stub), undefined);
    assert.equal(await host.hypervisor.findDomain(guest), undefined);
  });
});
