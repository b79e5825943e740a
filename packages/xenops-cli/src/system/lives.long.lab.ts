import path from 'node:path';
import { expect, test } from '@jest/globals';
import { buildTestguest } from 'testguest';
import { LabHost } from './lab-host.lab-helper.ts';

/** Some under way side by side take some seconds each under emulation. */
const LIVES = process.env['XENOPS_TEST_LIVES'] ?? '100';
const TEST_TIMEOUT_MS = 1_500_000;
/** Where `pushWorkspace` puts this package's compiled tests. */
const PROGRAM = '/opt/xenops/packages/xenops-cli/dist/system/lives-in-dom0.js';

test(
  `${LIVES} guests come and go on real Xen, each with a disk and an interface, and nothing of them stays`,
  async () => {
    await using host = await LabHost.start();
    const image = await buildTestguest();
    await host.lab.push([image], { to: host.folder });
    const before = await host.fingerprint();
    const { status, stdout } = await host.lab.exec({
      argv: [
        'env',
        ...[`TESTGUEST=${host.folder}/${path.basename(image)}`, `FOLDER=${host.folder}`],
        ...['BRIDGE=xenbr0', `LIVES=${LIVES}`, 'node', '--test', PROGRAM],
      ],
      timeoutMs: TEST_TIMEOUT_MS,
    });
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(await host.fingerprint()).toBe(before);
  },
  TEST_TIMEOUT_MS,
);
