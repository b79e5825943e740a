import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { MonitorHost, UUID } from '../monitor-host.lab-helper.ts';

/** Disks, media and networks as guests of a real Xen find them. */
const TEST_TIMEOUT_MS = 600_000;
const DISK = 51_712;
const DRIVE = 51_744;

let host: MonitorHost;
let before: string;

beforeAll(async () => {
  host = await MonitorHost.start();
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);
beforeEach(async () => {
  before = await host.fingerprint();
  await host.sh(`cd ${host.folder}; rm -f a.*; qemu-img create -q -f qcow2 a.qcow2 4M`);
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  // A test that failed leaves its guest; the next one is not to fail for that.
  await host.ask('destroy');
  await host.quit();
  expect(await host.fingerprint()).toBe(before);
}, TEST_TIMEOUT_MS);

const files = async (): Promise<readonly string[]> =>
  (await host.sh(`cd ${host.folder}; ls a.*`)).split('\n');
const read = (id: number): Promise<string> => host.guest(`disk-read ${id} 0 8`);

async function begin(mode: string): Promise<void> {
  await host.configure('pv', [`disk=${host.folder}/a.qcow2:qcow2:xvda:w:disk:${mode}`]);
  await host.startMonitor();
  await host.json('start');
}

test(
  'what a guest writes to a temporary disk goes through an image, and ends with its boot',
  async () => {
    await begin('temporary');
    const empty = await read(DISK);
    const written = await host.guest(`disk-write ${DISK} 0 8 7`);
    expect(written).not.toBe(empty);
    await host.guest(`disk-flush ${DISK}`);
    await host.json('suspend', { file: `${host.folder}/image` });
    await host.json('restore', { file: `${host.folder}/image` });
    expect(await read(DISK)).toBe(written);
    await host.json('halt');
    expect(await files()).toEqual(['a.qcow2']);
    await host.json('start');
    expect(await read(DISK)).toBe(empty);
    await host.json('destroy');
    expect(await files()).toEqual(['a.qcow2']);
  },
  TEST_TIMEOUT_MS,
);

test(
  'what a guest writes to a coalescing disk is there at its next boots, and not in the image',
  async () => {
    const sum = (): Promise<string> => host.sh(`md5sum < ${host.folder}/a.qcow2`);
    await begin('coalesce');
    const image = await sum();
    const written = await host.guest(`disk-write ${DISK} 0 8 7`);
    for (let boot = 0; boot < 2; boot += 1) {
      await host.json('halt');
      await host.json('start');
      expect(await read(DISK)).toBe(written);
    }
    await host.json('destroy');
    expect([await sum(), (await files()).length]).toEqual([image, 3]);
    await host.sh(`rm /var/lib/xenvm/disks-${UUID}.json ${host.folder}/a.1*`);
  },
  TEST_TIMEOUT_MS,
);

test(
  'a drive without a tray comes and goes with its medium',
  async () => {
    await host.sh(`truncate -s 1M ${host.folder}/a.iso ${host.folder}/a.2.iso`);
    await host.configure('pvh', ['disk=:file:xvdc:r:cdrom:']);
    await host.startMonitor();
    await host.json('start');
    expect(await host.guest(`disk-size ${DRIVE}`)).toMatch(/^error/);
    for (const name of ['a.iso', 'a.2.iso']) {
      const physpath = `${host.folder}/${name}`;
      await host.json('cd-insert-file', { virtpath: 'xvdc', physpath });
      expect(await host.guest(`disk-size ${DRIVE}`)).toMatch(/^ok 2048/);
    }
    await host.json('cd-eject', { virtpath: 'xvdc' });
    expect(await host.guest(`disk-size ${DRIVE}`)).toMatch(/^error/);
    await host.json('halt');
  },
  TEST_TIMEOUT_MS,
);

test(
  'an interface moves to another bridge while its guest runs',
  async () => {
    await host.sh('ip link add xenbr7 type bridge; ip link set xenbr7 up');
    await host.configure('pv', ['nic=bridge=xenbr0']);
    await host.startMonitor();
    await host.json('start');
    expect(await host.guest('ping')).toBe('ok');
    const link = `vif${await host.domid()}.0`;
    await host.json('nic-network-switch', { id: 0, network: 'xenbr7' });
    expect(await host.sh('ip -o link show master xenbr7')).toContain(`${link}:`);
    expect(await host.sh('ip -o link show master xenbr0')).not.toContain(`${link}:`);
    expect(await host.sh('xl network-list guest')).toMatch(/ 4 /);
    await host.json('halt');
    await host.sh('ip link del xenbr7');
  },
  TEST_TIMEOUT_MS,
);
