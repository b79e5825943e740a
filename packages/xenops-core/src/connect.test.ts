import { describe, expect, test } from '@jest/globals';
import { existsSync } from 'node:fs';
import { connect } from './connect.ts';

describe('connect', () => {
  test.each([
    '',
    'xen',
    'sim',
    'xen:/somewhere',
    'xen:0',
    'XEN:',
    ' xen:',
    'xen: ',
    'xen:\n',
    'simulator:',
    'qemu:///system',
    '/run/xenstored/socket',
    'sim:/a\n/b',
  ])('refuses %j, which names no host, and says what would', async (uri) => {
    await expect(connect({ uri })).rejects.toMatchObject({
      code: 'CONNECT_BAD_URI',
      message: expect.stringMatching(/xen:.*sim:/),
      context: { uri },
    });
  });

  const isDom0 = ['/dev/xen/privcmd', '/proc/xen/privcmd'].some((device) => existsSync(device));
  (isDom0 ? test.skip : test)('without a host on a machine that is no Dom0 says so', async () => {
    for (const options of [undefined, {}, { uri: undefined }]) {
      await expect(connect(options)).rejects.toMatchObject({
        code: 'CONNECT_NO_HOST',
        message: expect.stringContaining('XENOPS_CONNECT'),
      });
    }
  });
});
