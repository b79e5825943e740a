import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { MonitorHost, UUID } from '../monitor-host.lab-helper.ts';

/** Disks, media and networks as guests of a real Xen find them. */
const TEST_TIMEOUT_MS = 600_000;
const DISK = 51_712;
const DRIVE = 51_744;

/** Dom0's mappings, servers of block devices, and keys that were drawn: none of them outlives a guest. */
const HELD = `
dmsetup ls | grep -v '^No devices'
ls -d /sys/block/nbd*/pid 2>/dev/null
ls -A /run/xenvm/keys 2>/dev/null
true
`;

/** Where a key shows, as a listing of places; the first one proves that it would be seen. */
const SHOWS_KEY = `
patterns=$(mktemp)
trap 'rm "$patterns"' EXIT
od -An -v -tx1 "$1" | tr -d ' \\n' > "$patterns"
echo >> "$patterns"
base64 -w 0 "$1" >> "$patterns"
look() { if grep -qiaF -f "$patterns"; then echo "$1"; fi; }
look 'its own text' < "$patterns"
xenstore-ls -f | look xenstore
journalctl --boot --no-pager | look 'the journal'
cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | look processes
cat /var/lib/xenvm/* | look 'the ledgers'
`;

/** Whether files have a run of bytes of what a guest writes with the seed 7, one line each. */
const SHOWS_TEXT = `
const text = Buffer.from(Array.from({ length: 64 }, (_, index) => 16 + index));
for (const file of process.argv.slice(1)) console.log(require('fs').readFileSync(file).includes(text));
`;

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
  expect(await host.sh(HELD)).toBe('');
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

const shown = async (...paths: readonly string[]): Promise<readonly string[]> =>
  (await host.sh('node -e "$@"', SHOWS_TEXT, ...paths)).split('\n');
const write = async (): Promise<string> => {
  const written = await host.guest(`disk-write ${DISK} 0 8 7`);
  await host.guest(`disk-flush ${DISK}`);
  return written;
};

test(
  'what a guest writes to an encrypted temporary disk is plain to the guest alone, also in an image, and ends with its boot',
  async () => {
    const mapping = `xenvm-${UUID}-xvda-session`;
    const container = `${host.folder}/a.${UUID}.xvda.snap.tmp.crypt`;
    const key = `/run/xenvm/keys/${UUID}-xvda.key`;
    await begin('temporary-encrypted');
    const empty = await read(DISK);
    const written = await write();
    expect(await shown(`/dev/mapper/${mapping}`, container)).toEqual(['true', 'false']);
    expect(await host.sh(SHOWS_KEY, key)).toBe('its own text');
    expect(await host.sh('stat -c %a "$1"', key)).toBe('600');
    await host.json('suspend', { file: `${host.folder}/image` });
    expect(await host.sh('dmsetup ls; losetup --list --noheadings')).toBe('No devices found');
    await host.json('restore', { file: `${host.folder}/image` });
    expect(await read(DISK)).toBe(written);
    await host.json('halt');
    expect(await files()).toEqual(['a.qcow2']);
    expect(await host.sh(HELD)).toBe('');
    await host.json('start');
    expect(await read(DISK)).toBe(empty);
    await host.json('destroy');
  },
  TEST_TIMEOUT_MS,
);

test.each([
  ['a raw image', 'raw', 'file'],
  ['an image of blocks', 'qcow2', 'qcow2'],
])(
  'what a guest writes to an encrypted volume in %s is plain to whoever has its key',
  async (_title, format, type) => {
    const [image, key] = [`${host.folder}/a.volume`, `${host.folder}/a.key`];
    const options = ['key-file', 'cipher', 'key-size'];
    const values = [key, 'aes-xts-plain64', '512'];
    await host.sh(
      `modprobe nbd; (umask 077; head -c 64 /dev/urandom > ${key}); qemu-img create -q -f ${format} ${image} 4M`,
    );
    const crypt = options.map((option, index) => `${option}=${values[index]}`).join(':');
    await host.configure('pv', [`disk=${image}:${type}:xvda:w:disk:none:${crypt}`]);
    await host.startMonitor();
    await host.json('start');
    const written = await write();
    expect(await shown(`/dev/mapper/xenvm-${UUID}-xvda`, image)).toEqual(['true', 'false']);
    expect(await host.sh(SHOWS_KEY, key)).toBe('its own text');
    await host.json('halt');
    expect(await host.sh(HELD)).toBe('');
    await host.json('start');
    expect(await read(DISK)).toBe(written);
    await host.json('destroy');
    if (format !== 'raw') return;
    const words = options.flatMap((option, index) => [`--${option}`, String(values[index])]);
    await host.sh('cryptsetup open --type plain "$@"', ...words, image, 'probe');
    expect(await shown('/dev/mapper/probe')).toEqual(['true']);
    await host.sh('cryptsetup close probe');
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
