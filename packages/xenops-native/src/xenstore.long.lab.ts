/**
 * The xenstore suite on real Xen, through every transport: our client on the daemon's socket and on the kernel's device, and
 * libxenstore on both. XENLAB_XENSTORED says with which daemon. The suite knows the daemons of Xen 4.17, so it does not run
 * on another release.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startLab, type Lab } from 'xenlab';

const LAB_TIMEOUT_MS = 300_000;
const RUN_TIMEOUT_MS = 900_000;
/** Where `pushWorkspace` puts this package's compiled tests. */
const SUITE = '/opt/xenops/packages/xenops-native/dist/lab/xenstore-in-dom0.js';
/** Each connection to the device takes one of libuv's threads, and one case has more than fifty. */
const UV_THREADS = 128;

const daemon = process.env['XENLAB_XENSTORED'] === 'xenstored' ? 'xenstored' : 'oxenstored';

const isOtherRelease = process.env['XENLAB_RELEASE'] === 'trixie';

(isOtherRelease ? describe.skip : describe)(`${daemon} of Xen 4.17 on real Xen`, () => {
  let lab: Lab;

  beforeAll(async () => {
    lab = await startLab({ release: 'bookworm', xenstored: daemon });
    await lab.pushWorkspace();
  }, LAB_TIMEOUT_MS);
  afterAll(() => lab[Symbol.asyncDispose](), LAB_TIMEOUT_MS);

  test.each([
    ['the socket', ['STORE_TRANSPORT=socket']],
    ['/dev/xen/xenbus', ['STORE_TRANSPORT=xenbus']],
    ['libxenstore on the socket', ['STORE_TRANSPORT=libxenstore']],
    [
      'libxenstore on /dev/xen/xenbus',
      ['STORE_TRANSPORT=libxenstore', 'XENSTORED_PATH=/dev/xen/xenbus'],
    ],
  ])(
    'passes the compliance suite of XenStore through %s',
    async (_, environment) => {
      const before = await lab.sh('xenstore-ls -fp');
      const { status, stdout } = await lab.exec({
        argv: [
          'env',
          `STORE_DAEMON=${daemon}`,
          `UV_THREADPOOL_SIZE=${UV_THREADS}`,
          ...environment,
          'node',
          SUITE,
        ],
        timeoutMs: RUN_TIMEOUT_MS,
      });
      process.stdout.write(leftOut(stdout));
      // The whole report is shown when the status is not 0.
      expect({ status, report: status === 0 ? '' : stdout }).toEqual({ status: 0, report: '' });
      expect(await lab.sh('xenstore-ls -fp')).toBe(before);
    },
    RUN_TIMEOUT_MS,
  );
});

/** How many cases ran, and the lines of those that were left out, each with its reason. */
function leftOut(report: string): string {
  const lines = report.split('\n').filter((line) => /^left out: |^\d+ passed, /.test(line));
  return `${lines.join('\n')}\n`;
}
