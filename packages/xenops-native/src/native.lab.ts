/** The addon on real Xen: pushes the workspace to a lab and runs there what needs a Dom0. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startLab, type Lab } from 'xenlab';

const LAB_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 1_800_000;
/** Where `pushWorkspace` puts this package's compiled tests. */
const TESTS_FOLDER = '/opt/xenops/packages/xenops-native/dist/lab';

/** Under emulation Xen now and then lets an HVM guest run with the host's registers, and it spins or dies: not for every day. */
const isLong = process.env['XENOPS_TEST_LONG'] === '1';
const HVM = isLong ? [['boots an HVM guest', 'hvm-in-dom0.js'] as const] : [];
if (!isLong) {
  process.stderr.write(
    'left out: an HVM guest, which emulation hangs now and then; test:all boots it\n',
  );
}

describe('the addon on real Xen', () => {
  let lab: Lab;

  beforeAll(async () => {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    lab = await startLab({ release });
    await lab.pushWorkspace();
  }, LAB_TIMEOUT_MS);
  afterAll(() => lab[Symbol.asyncDispose](), LAB_TIMEOUT_MS);

  test.each([
    ['passes the compliance suite of Hypervisor', 'compliance-in-dom0.js'],
    ['survives work that is cut short', 'teardown-in-dom0.js'],
    ['does to real domains what the verbs say', 'verbs-in-dom0.js'],
    ['shares memory and event channels with guests', 'rings-in-dom0.js'],
    ['builds and boots guests, with kernels from a cache', 'builds-in-dom0.js'],
    ...HVM,
    ['saves and restores guests at work', 'saves-in-dom0.js'],
  ])(
    '%s, and leaves no domain behind',
    async (_, file) => {
      const before = await lab.sh('xl list | wc -l');
      const guest = [`GUEST_KERNEL=${lab.guest.vmlinux}`, `GUEST_RAMDISK=${lab.guest.initrd}`];
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
