import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { describeVbd, type DiskFormat } from '../devices/classes/vbd.ts';
import { domid } from '../ids.ts';
import { qemuArguments } from './arguments.ts';

const BUSES = ['xvd', 'hd', 'sd'] as const;
const FORMATS = ['raw', 'qcow', 'qcow2', 'vhd', 'qed'] as const satisfies readonly DiskFormat[];

const drives = fc.record({
  bus: fc.constantFrom(...BUSES),
  // hd has four drives; all buses have these.
  letter: fc.constantFrom('a', 'b', 'c', 'd'),
  format: fc.constantFrom(...FORMATS),
  isCdrom: fc.boolean(),
});

// XSA-142 and XSA-266: the flag was lost on one bus, and on another later.
test('a read-only disk is so in every rendering, or refused', () => {
  fc.assert(
    fc.property(drives, ({ bus, letter, format, isCdrom }) => {
      const disk = { vdev: `${bus}${letter}`, format, isCdrom, readOnly: true };
      const guest = { domid: domid(7), guestType: 'hvm' } as const;
      const { backendKeys, hotplug } = describeVbd(guest, { ...disk, target: '/a.img' });
      expect(backendKeys['mode']).toBe('r');
      expect(hotplug).toEqual(
        hotplug.kind === 'block'
          ? { kind: 'block', path: '/a.img', readOnly: true }
          : { kind: 'none' },
      );
      for (const drive of renderings({ ...disk, path: '/a.img' })) {
        expect(drive).toContain('readonly=on');
        expect(drive).toMatch(new RegExp(`format=${format === 'vhd' ? 'vpc' : format}(,|$)`));
      }
    }),
  );
});

/** The `-drive` arguments of an HVM guest with this disk alone; none when it is refused. */
function renderings(disk: Parameters<typeof qemuArguments>[0]['disks'][number]): readonly string[] {
  const config = {
    domid: domid(7),
    name: 'guest',
    guestType: 'hvm',
    memoryKib: 262_144,
    vcpus: 1,
    onlineVcpus: 1,
    videoMemoryKib: 8192,
    disks: [disk],
    nics: [],
  } as const;
  try {
    const args = qemuArguments(config, { socketPath: '/run/qmp', heldSocketPath: '/run/held' });
    return args.filter((_, index) => args[index - 1] === '-drive');
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_BAD_VALUE' });
    return [];
  }
}
