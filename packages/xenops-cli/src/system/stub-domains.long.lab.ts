import path from 'node:path';
import { expect, test } from '@jest/globals';
import { buildTestguest } from 'testguest';
import { LabHost } from './lab-host.lab-helper.ts';

const TEST_TIMEOUT_MS = 1_200_000;
/** Where `pushWorkspace` puts this package's compiled tests. */
const PROGRAM = '/opt/xenops/packages/xenops-cli/dist/system/stub-domains-in-dom0.js';

test(
  'a stub domain on real Xen serves its guest alone, may write what libxl lets it, and goes with it',
  async () => {
    await using host = await LabHost.start();
    const image = await buildTestguest();
    await host.lab.push([image], { to: host.folder });
    const disk = `${host.folder}/disk.img`;
    await host.sh(`truncate -s 8M ${disk}`);
    const before = await host.fingerprint();
    const { status, stdout } = await host.lab.exec({
      argv: [
        'env',
        ...[`TESTGUEST=${host.folder}/${path.basename(image)}`, `DISK=${disk}`, 'BRIDGE=xenbr0'],
        ...['node', '--test', PROGRAM],
      ],
      timeoutMs: TEST_TIMEOUT_MS,
    });
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(await host.fingerprint()).toBe(before);
  },
  TEST_TIMEOUT_MS,
);
