/** Commands that give a domain hardware of the host: ports, memory, interrupts. */
import { getDomain } from '@xenops/core/domain';
import { ConfigError } from '@xenops/core/errors';
import { command, type Command } from './command.ts';
import { ADDRESS, DOMID, NUMBER, required } from './option.ts';

const PORTS = 0x1_0000;
const PAGE = 4096n;

const portOptions = {
  domid: required(DOMID),
  start: required({ ...NUMBER, doc: 'first port' }),
  end: required({ ...NUMBER, doc: 'port after the last one' }),
} as const;
const memoryOptions = {
  domid: required(DOMID),
  start: required({ ...ADDRESS, doc: 'first byte; a multiple of 4096' }),
  end: required({ ...ADDRESS, doc: 'byte after the last one; a multiple of 4096' }),
} as const;
const irqOptions = {
  domid: required(DOMID),
  irq: required({ ...NUMBER, doc: 'interrupt of the host' }),
} as const;

export const hardwareCommands: readonly Command[] = [
  ...(['add_ioport', 'del_ioport'] as const).map((name) =>
    command({
      name,
      summary:
        name === 'add_ioport'
          ? 'let a domain use ports of the host'
          : 'take ports of the host away from a domain',
      example: '-domid 5 -start 0x378 -end 0x380',
      changes: true,
      options: portOptions,
      async run(host, { domid, start, end }) {
        await getDomain(host, domid);
        if (start >= end || end > PORTS)
          throw range(`ports are 0 to ${PORTS - 1}, and the end comes after the start`);
        await host.hypervisor.setIoportPermission(
          domid,
          { firstPort: start, count: end - start },
          name === 'add_ioport',
        );
      },
    }),
  ),
  ...(['add_iomem', 'del_iomem'] as const).map((name) =>
    command({
      name,
      summary:
        name === 'add_iomem'
          ? 'let a domain use memory of devices'
          : 'take memory of devices away from a domain',
      example: '-domid 5 -start 0xfebf0000 -end 0xfec00000',
      changes: true,
      options: memoryOptions,
      async run(host, { domid, start, end }) {
        await getDomain(host, domid);
        if (start >= end || start % PAGE !== 0n || end % PAGE !== 0n) {
          throw range('both ends are multiples of 4096, and the end comes after the start');
        }
        await host.hypervisor.setIomemPermission(
          domid,
          { firstFrame: start / PAGE, count: Number((end - start) / PAGE) },
          name === 'add_iomem',
        );
      },
    }),
  ),
  command({
    name: 'add_irq',
    summary: 'let a domain use an interrupt of the host',
    example: '-domid 5 -irq 7',
    changes: true,
    options: irqOptions,
    async run(host, { domid, irq }, { out, json }) {
      await getDomain(host, domid);
      const hypervisor = host.hypervisor;
      const pirq = await hypervisor.mapPirq(domid, irq);
      await hypervisor.setIrqPermission(domid, pirq, true);
      if (json) out.json({ domid, irq, pirq });
    },
  }),
  command({
    name: 'del_irq',
    summary: 'take an interrupt of the host away from a domain',
    example: '-domid 5 -irq 7',
    changes: true,
    options: irqOptions,
    async run(host, { domid, irq }) {
      await getDomain(host, domid);
      const hypervisor = host.hypervisor;
      await hypervisor.setIrqPermission(domid, irq, false);
      await hypervisor.unmapPirq(domid, irq);
    },
  }),
];

function range(why: string): ConfigError {
  return new ConfigError('CONFIG_BAD_VALUE', { message: `This range cannot be: ${why}` });
}
