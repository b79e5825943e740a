import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import {
  ACPI_GUEST_REASON_OFFSET,
  ACPI_GUEST_REASONS,
  ACPI_GUEST_SAYS,
  buildAcpiGuest,
} from './lab/acpi-guest.lab-helper.ts';
import { MonitorHost } from './monitor-host.lab-helper.ts';

/** HVM guests, with their device models, on real Xen. */
const TEST_TIMEOUT_MS = 600_000;
/** Number of the drive `hdc`. */
const DRIVE = 5632;

let host: MonitorHost;
let before: string;

beforeAll(async () => {
  host = await MonitorHost.start();
  const disk = await buildAcpiGuest();
  await host.lab.push([disk], { to: host.folder });
  await rm(path.dirname(disk), { recursive: true });
}, TEST_TIMEOUT_MS);
afterAll(() => host[Symbol.asyncDispose](), TEST_TIMEOUT_MS);
beforeEach(async () => {
  before = await host.fingerprint();
  await host.hearNothing();
}, TEST_TIMEOUT_MS);
afterEach(async () => {
  // A test that failed leaves its guest; the next one is not to fail for that.
  await host.endAll();
  await host.sh(`rm -f ${host.folder}/image`);
  expect(await host.fingerprint()).toBe(before);
}, TEST_TIMEOUT_MS);

const image = (): string => `${host.folder}/image`;

function scenario(name: string, body: () => Promise<void>): void {
  test(name, () => host.explain(body), TEST_TIMEOUT_MS);
}

async function begin(...lines: readonly string[]): Promise<void> {
  const { folder } = host;
  await host.write([
    ...['type=hvm', 'memory=64', 'pae=true', 'acpi=true', 'apic=true'],
    // The emulated processor does not tell Xen the length of an intercepted RDTSCP.
    ...['tsc-mode=native', 'display=none', 'video-card=none', 'usb-tablet=false', 'boot=c'],
    ...[`serial=file:${folder}/serial`, `disk=${folder}/acpi-guest.img:file:hda:w:disk:`],
    ...lines,
  ]);
  await host.startMonitor();
}

/** Waits until the guest has said so since its device model was started. */
const says = (what: keyof typeof ACPI_GUEST_SAYS): Promise<void> =>
  host.waitForLine(`${host.folder}/serial`, 1, ACPI_GUEST_SAYS[what]);

/** Device models that run, besides Dom0's own. The brackets keep the shell that asks from being counted. */
const models = async (): Promise<number> =>
  Number(await host.sh('pgrep -fc -- "i38[6] -xen-domid [1-9]" || true'));

async function start(): Promise<number> {
  await host.sh(`rm -f ${host.folder}/serial`);
  await host.json('start');
  await says('up');
  return host.domid();
}

/** What the device model says of itself. */
const model = (command: string): Promise<string> =>
  host.sh('xl qemu-monitor-command guest "$1"', command);

/** What the guest does at an NMI from its next boot on. */
async function endAtNmi(reason: keyof typeof ACPI_GUEST_REASONS): Promise<void> {
  await host.sh(
    'printf "\\\\$2" | dd status=none conv=notrunc bs=1 seek="$3" of="$1"/acpi-guest.img',
    ...[host.folder, String(ACPI_GUEST_REASONS[reason]), String(ACPI_GUEST_REASON_OFFSET)],
  );
}

scenario(
  'is started, paused, rebooted by force, and stops when its power button is pressed',
  async () => {
    await begin();
    const domid = await start();
    expect(await models()).toBe(1);
    await host.json('pause');
    expect(await host.json('get-status')).toBe('paused');
    await host.json('unpause');
    const refused = await host.ask('reboot');
    expect(refused.error?.data?.name).toBe('VM_NOT_SUPPORTED');
    await host.json('reboot', { forced: true, 'auto-start': true });
    expect(await host.domid()).not.toBe(domid);
    await says('up');
    await host.json('halt');
    await host.hears('61440:vm:state:shutdown$');
    expect(await models()).toBe(0);
  },
);

scenario('goes through a checkpoint and an image with the state of its device model', async () => {
  await begin();
  await start();
  await host.json('checkpoint', { file: image() });
  expect(await host.json('get-status')).toBe('running');
  await host.json('suspend', { file: image() });
  expect([await host.json('get-status'), await models()]).toEqual(['suspended', 0]);
  await host.json('restore', { file: image() });
  // It has said already that it is up, and listens to its buttons as before.
  await host.json('trigger', { params: 'power' });
  await says('off');
  await host.hears('61440:vm:state:shutdown$');
});

scenario(
  'sleeps and wakes, by each way to say so, goes through an image, and follows its power button then',
  async () => {
    await begin();
    await start();
    await host.json('s3suspend');
    await says('sleeps');
    expect(await host.json('get-acpi-state')).toBe('3');
    await host.json('trigger', { params: 's3resume' });
    await says('woke');
    expect(await host.json('get-acpi-state')).toBe('0');

    await host.sh(`: > ${host.folder}/serial`);
    await host.dbus('s3suspend');
    await says('sleeps');
    await host.command(['trigger', 'params=s3resume']);
    await says('woke');
    expect(await host.dbus('get_acpi_state')).toBe('s "0"');
    // Only drivers could have it hibernate.
    expect((await host.ask('s4suspend')).error?.data?.name).toBe('VM_NOT_SUPPORTED');

    await host.json('suspend', { file: image() });
    await host.json('restore', { file: image() });
    await host.json('halt');
    await host.hears('61440:vm:state:shutdown$');
    await says('off');
  },
);

scenario(
  'is given processors, a medium, a disk and an interface while it runs, and what can go goes again',
  async () => {
    await begin('vcpus=2', 'vcpus-online=1', 'disk=:file:hdc:r:cdrom:');
    const domid = await start();
    const plugged = async (): Promise<number> =>
      (await model('info hotpluggable-cpus')).split('qom_path').length - 1;
    expect(await plugged()).toBe(1);
    await host.json('set-vcpus', { count: 2 });
    expect(await plugged()).toBe(2);

    const physpath = `${host.folder}/disk-a.img`;
    const medium = `/local/domain/0/backend/qdisk/${domid}/${DRIVE}/params`;
    // By its name: qemu's own back-end holds a file for paravirtual drivers besides, also after it was taken out, as it does under xl.
    const tray = (): Promise<string> => model('info block ide-5632');
    await host.json('cd-insert-file', { virtpath: 'hdc', physpath });
    expect(await tray()).toContain(physpath);
    expect(await host.sh('xenstore-read "$1"', medium)).toBe(`aio:${physpath}`);
    const missing = { virtpath: 'hdc', physpath: `${host.folder}/none.iso` };
    expect((await host.ask('cd-insert-file', missing)).error).toBeDefined();
    expect(await tray()).toContain(physpath);
    await host.json('cd-eject', { virtpath: 'hdc' });
    expect(await tray()).toContain('not inserted');

    const disk = { path: physpath, type: 'file', mode: 'w', devtype: 'disk' };
    await host.json('disk-add', { ...disk, device: 'xvdb', now: true });
    await host.json('nic-add', { bridge: 'xenbr0', now: true });
    const link = `vif${domid}.0`;
    expect(await host.sh('ip -o link show master xenbr0')).toContain(link);
    expect(await host.sh('losetup --list --noheadings')).toContain(physpath);
    // A guest without drivers is not there to let go of them.
    await host.json('disk-del', { device: 'xvdb', forced: true });
    await host.json('nic-del', { id: 0, forced: true });
    expect(await host.sh('ip -o link show master xenbr0')).not.toContain(link);
    expect(await host.sh('losetup --list --noheadings')).not.toContain(physpath);
    await host.json('halt');
  },
);

scenario(
  'that reboots by itself, or powers off, is started again or not, as configured',
  async () => {
    await begin('on_restart=restart', 'on_halt=destroy');
    await endAtNmi('reboot');
    const domid = await start();
    // Read at its next boot.
    await endAtNmi('poweroff');
    await host.command(['trigger', 'params=nmi']);
    await host.hears('vm:state:rebooted$');
    await host.hears('vm:state:running$');
    expect(await host.domid()).not.toBe(domid);
    await says('up');
    await host.command(['trigger', 'params=nmi']);
    await host.hears('vm:state:shutdown$');
    expect([await host.domid(), await models()]).toEqual([-1, 0]);
  },
);

scenario(
  'that crashes is destroyed, kept for a look, or restarted, as on_crash says; its next monitor finds it',
  async () => {
    await begin();
    await endAtNmi('crash');
    const crash = async (action: string): Promise<number> => {
      await host.json('set', { field: 'on_crash', value: action });
      const domid = await start();
      await host.json('trigger', { params: 'nmi' });
      await host.hears(':2:error:crashed$');
      return domid;
    };
    await crash('destroy');
    await host.hears('vm:state:shutdown$');
    expect(await models()).toBe(0);

    await crash('preserve');
    await host.hears('vm:state:shutdown$');
    expect(await host.json('get-info')).toMatchObject({ detail: 'crashed' });
    await host.json('destroy');

    const domid = await crash('restart');
    await host.hears('vm:state:running$');
    const next = await host.domid();
    expect(next).not.toBe(domid);
    await host.killMonitor();
    await host.startMonitor();
    expect([await host.domid(), await host.json('get-status')]).toEqual([next, 'running']);
    await says('up');
    await host.json('halt');
    expect(await models()).toBe(0);
  },
);
