import { describe, expect, test } from '@jest/globals';
import { dom0MemoryMib, findForwardedPort, qemuCommand } from './qemu-command.ts';
import type { QemuCommandOptions } from './qemu-command.ts';

const options: QemuCommandOptions = {
  memoryMib: 6144,
  cpus: 2,
  xenstored: 'oxenstored',
  ramFile: '/c/ram',
  diskFile: '/c/disk.qcow2',
  serialFile: '/l/serial.log',
  qmpSocket: '/l/qmp.sock',
  mode: 'restore',
};

function optionOf(command: readonly string[], name: string): string {
  return command[command.indexOf(name) + 1] ?? '';
}

describe('the command line of QEMU', () => {
  test('a restored lab changes neither the RAM nor the disk of its snapshot', () => {
    const command = qemuCommand(options);
    expect(optionOf(command, '-object')).toContain('share=off');
    expect(optionOf(command, '-drive')).toContain('snapshot=on');
    expect(optionOf(command, '-incoming')).toBe('defer');
  });

  test('a boot keeps what it writes', () => {
    const command = qemuCommand({ ...options, mode: 'boot' });
    expect(optionOf(command, '-object')).toContain('share=on');
    expect(optionOf(command, '-drive')).not.toContain('snapshot=on');
    expect(command).not.toContain('-incoming');
  });

  test('the guest reaches nothing, and only this machine reaches its sshd', () => {
    const netdev = optionOf(qemuCommand(options), '-netdev');
    expect(netdev.split(',')).toEqual(
      expect.arrayContaining(['restrict=on', 'hostfwd=tcp:127.0.0.1:0-:22']),
    );
  });

  test('one comma separates the multiboot modules, whatever the shape', () => {
    const modules = optionOf(qemuCommand({ ...options, xenstored: 'xenstored' }), '-initrd');
    expect(modules.split(',')).toHaveLength(2);
    expect(modules).toContain('xenlab.xenstored=xenstored');
  });

  test('a comma in a path does not end the option', () => {
    expect(optionOf(qemuCommand({ ...options, diskFile: '/a,b' }), '-drive')).toContain(
      'file=/a,,b,',
    );
  });
});

test.each([
  [6144, 2048],
  [4096, 2048],
  [2048, 1024],
])('of %d MiB Dom0 gets %d', (memoryMib, dom0Mib) => {
  expect(dom0MemoryMib(memoryMib)).toBe(dom0Mib);
});

describe('the forwarded port', () => {
  const heading =
    'Hub -1 (lan):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n';

  test('is read from the line of the listening socket', () => {
    const line =
      '  TCP[HOST_FORWARD]  11       127.0.0.1 42705       10.0.2.15    22     0     0\r\n';
    const connected =
      '  TCP[ESTABLISHED]   12       127.0.0.1 42705       10.0.2.15    22     0     0\r\n';
    expect(findForwardedPort(heading + connected + line)).toBe(42705);
  });

  test('is undefined when nothing is forwarded', () => {
    expect(findForwardedPort(heading)).toBeUndefined();
  });
});
