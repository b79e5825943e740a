import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { ACPI_GUEST_SAYS, buildAcpiGuest } from './lab/acpi-guest.lab-helper.ts';
import { MonitorHost } from './monitor-host.lab-helper.ts';

/** HVM guests, with their device models, on real Xen. */
const TEST_TIMEOUT_MS = 600_000;

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
  await host.ask('destroy');
  await host.quit();
  await host.sh(`rm -f ${host.folder}/image`);
  expect(await host.fingerprint()).toBe(before);
}, TEST_TIMEOUT_MS);

const image = (): string => `${host.folder}/image`;

async function begin(...lines: readonly string[]): Promise<void> {
  await host.write([
    ...['type=hvm', 'memory=64', 'vcpus=1', 'pae=true', 'acpi=true', 'apic=true'],
    // The emulated processor does not tell Xen the length of an intercepted RDTSCP.
    ...['tsc-mode=native', 'display=none', 'video-card=none', 'usb-tablet=false', 'boot=c'],
    ...[`serial=file:${host.folder}/serial`, `disk=${host.folder}/acpi-guest.img:file:hda:w:disk:`],
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

test(
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
  TEST_TIMEOUT_MS,
);

test(
  'goes through a checkpoint and an image with the state of its device model',
  async () => {
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
    await host.json('destroy');
  },
  TEST_TIMEOUT_MS,
);

test(
  'sleeps and wakes',
  async () => {
    await begin();
    await start();
    await host.json('s3suspend');
    await says('sleeps');
    expect(await host.json('get-acpi-state')).toBe('3');
    await host.json('trigger', { params: 's3resume' });
    await says('woke');
    expect(await host.json('get-acpi-state')).toBe('0');
    await host.json('destroy');
  },
  TEST_TIMEOUT_MS,
);

test(
  'that crashes is destroyed, kept for a look, or restarted, as on_crash says; its next monitor finds it',
  async () => {
    await begin();
    const crash = async (action: string): Promise<number> => {
      await host.json('set', { field: 'on_crash', value: action });
      const domid = await start();
      await host.sh('xenops hard_shutdown_domain --domid "$1" --crash', String(domid));
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
  TEST_TIMEOUT_MS,
);
