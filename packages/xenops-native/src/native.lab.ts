/** The addon on real Xen: pushes the workspace to a lab and runs there what needs a Dom0. */
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { buildTestguest } from 'testguest';
import { startLab, type Lab } from 'xenlab';

const LAB_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 1_800_000;
/** Where `pushWorkspace` puts this package's compiled tests. */
const TESTS_FOLDER = '/opt/xenops/packages/xenops-native/dist/lab';
const ADDON_FOLDER = '/opt/xenops/packages/xenops-native/build/Release';

/**
 * Not for every day: under emulation Xen now and then lets an HVM guest run with the host's registers, and it spins or dies; and
 * three times a hundred guests take seven minutes.
 */
const isLong = process.env['XENOPS_TEST_LONG'] === '1';
const LONG = isLong
  ? ([
      ['boots an HVM guest', 'hvm-in-dom0.js'],
      ['makes a hundred guests at once', 'crowd-in-dom0.js'],
    ] as const)
  : [];
if (!isLong) {
  process.stderr.write(
    'left out: an HVM guest, which emulation hangs now and then, and a hundred guests at once; test:all has both\n',
  );
}

/** Another build of the addon, and the libraries that Node must start with for it (test-asan.mjs); none unless that is tested. */
const addon = process.env['XENOPS_TEST_ADDON'];
const sanitizers = process.env['XENOPS_TEST_PRELOAD']?.split(':') ?? [];
const SANITIZER_FOLDER = '/opt/sanitizer';

async function pushSanitizers(lab: Lab): Promise<void> {
  if (addon === undefined) return;
  await lab.push(sanitizers, { to: SANITIZER_FOLDER });
  await lab.push([addon], { to: ADDON_FOLDER });
}

function sanitizerEnvironment(): readonly string[] {
  if (addon === undefined) return [];
  const preload = sanitizers.map((file) => `${SANITIZER_FOLDER}/${path.basename(file)}`);
  return [`LD_PRELOAD=${preload.join(':')}`, 'ASAN_OPTIONS=detect_leaks=0'];
}

describe('the addon on real Xen', () => {
  let lab: Lab;
  let testguest: string;

  beforeAll(async () => {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    lab = await startLab({ release });
    await lab.pushWorkspace();
    await pushSanitizers(lab);
    const image = await buildTestguest();
    await lab.push([image], { to: '/var/tmp' });
    testguest = path.posix.join('/var/tmp', path.basename(image));
  }, LAB_TIMEOUT_MS);
  afterAll(() => lab[Symbol.asyncDispose](), LAB_TIMEOUT_MS);

  test.each([
    ['passes the compliance suite of Hypervisor', 'compliance-in-dom0.js'],
    ['survives work that is cut short', 'teardown-in-dom0.js'],
    ['does to real domains what the verbs say', 'verbs-in-dom0.js'],
    ['shares memory and event channels with guests', 'rings-in-dom0.js'],
    ['builds and boots guests, with kernels from a cache', 'builds-in-dom0.js'],
    ['saves and restores guests at work', 'saves-in-dom0.js'],
    ...LONG,
  ])(
    '%s, and leaves no domain behind',
    async (_, file) => {
      const before = await lab.sh('xl list | wc -l');
      const { vmlinux, initrd } = lab.guest;
      const guest = [
        `GUEST_KERNEL=${vmlinux}`,
        `GUEST_RAMDISK=${initrd}`,
        `TESTGUEST=${testguest}`,
        ...sanitizerEnvironment(),
      ];
      const { status, stdout } = await lab.exec({
        argv: [
          'env',
          ...guest,
          'node',
          '--test',
          '--test-reporter=spec',
          `${TESTS_FOLDER}/${file}`,
        ],
        timeoutMs: RUN_TIMEOUT_MS,
      });
      // The whole report is shown when the status is not 0.
      expect({ status, report: status === 0 ? '' : stdout }).toEqual({ status: 0, report: '' });
      expect(await lab.sh('xl list | wc -l')).toBe(before);
    },
    RUN_TIMEOUT_MS,
  );
});
