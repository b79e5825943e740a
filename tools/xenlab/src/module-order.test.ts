import { expect, test } from '@jest/globals';
import { moduleLoadOrder } from './module-order.ts';

const modulesDep = [
  'kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko',
  'kernel/fs/jbd2/jbd2.ko: kernel/lib/crc16.ko',
  'kernel/fs/mbcache.ko:',
  'kernel/lib/crc16.ko:',
  'kernel/drivers/net/xen-netfront.ko.xz:',
  '',
].join('\n');

test('each module comes after what it needs, once', () => {
  expect(moduleLoadOrder(modulesDep, ['ext4', 'jbd2'])).toEqual([
    'kernel/lib/crc16.ko',
    'kernel/fs/mbcache.ko',
    'kernel/fs/jbd2/jbd2.ko',
    'kernel/fs/ext4/ext4.ko',
  ]);
});

test('a compressed module is found, by either spelling', () => {
  expect(moduleLoadOrder(modulesDep, ['xen_netfront'])).toEqual([
    'kernel/drivers/net/xen-netfront.ko.xz',
  ]);
});

test('what is built into the kernel is left out', () => {
  expect(moduleLoadOrder(modulesDep, ['virtio_pci'])).toEqual([]);
});
