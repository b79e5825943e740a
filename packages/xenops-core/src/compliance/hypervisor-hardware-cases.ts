/** Cases about ports, memory, interrupts and PCI devices of the machine. */
import assert from 'node:assert/strict';
import { formatPciAddress } from '../hypervisor/hypervisor.ts';
import { rejects, specOf, UNUSED, withDomain, type CaseSuite } from './hypervisor-case.ts';

/** Ports of the first interrupt controller, which Xen keeps for itself (xen/arch/x86/dom0_build.c). */
const XEN_PORT = 0x20;
/** A port that Dom0 has (the parallel port's). */
const FREE_PORT = 0x378;
/** The frame of the local APIC, which Xen keeps for itself. */
const APIC_FRAME = 0xf_ee00n;
/** A frame of the old video memory, which Dom0 has. */
const VIDEO_FRAME = 0xa0n;

/** All of them. */
export function hardwareCases(suite: CaseSuite): void {
  portCases(suite);
  portMappingCases(suite);
  frameCases(suite);
  irqCases(suite);
  pciCases(suite);
  noPciCases(suite);
}

function portCases({ check }: CaseSuite): void {
  check('a domain is given ports, and they are taken away', async (hypervisor) => {
    const ports = { firstPort: FREE_PORT, count: 8 };
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setIoportPermission(domid, ports, true);
      await hypervisor.setIoportPermission(domid, ports, false);
    });
    const set = (): unknown => hypervisor.setIoportPermission(UNUSED, ports, true);
    await rejects(set, 'HYPERVISOR_NO_DOMAIN');
  });
  check("Xen's own ports are not Dom0's to give", async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const ports = { firstPort: XEN_PORT, count: 1 };
      const set = (): unknown => hypervisor.setIoportPermission(domid, ports, true);
      await rejects(set, 'HYPERVISOR_NOT_PERMITTED');
    });
  });
  for (const [firstPort, count] of [
    [FREE_PORT, 0],
    [0xffff, 2],
    [0x1_0000, 1],
    [-1, 1],
  ] as const) {
    check(`there are no ${count} ports from ${firstPort}`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        const set = (): unknown =>
          hypervisor.setIoportPermission(domid, { firstPort, count }, true);
        await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
}

function portMappingCases({ check, checkIf, options }: CaseSuite): void {
  const mapping = { guestPort: FREE_PORT, machinePort: FREE_PORT, count: 8 };
  checkIf(options.supports.containers)(
    'ports are mapped for a container, and unmapped',
    async (hypervisor) => {
      await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        await hypervisor.setIoportPermission(domid, { firstPort: FREE_PORT, count: 8 }, true);
        await hypervisor.setIoportMapping(domid, mapping, true);
        await hypervisor.setIoportMapping(domid, mapping, false);
        const bad = { ...mapping, machinePort: 0xffff };
        const set = (): unknown => hypervisor.setIoportMapping(domid, bad, true);
        await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
      });
    },
  );
  check('ports are not mapped for a PV domain', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const set = (): unknown => hypervisor.setIoportMapping(domid, mapping, true);
      await rejects(set, 'HYPERVISOR_NOT_SUPPORTED');
    });
    const set = (): unknown => hypervisor.setIoportMapping(UNUSED, mapping, true);
    await rejects(set, 'HYPERVISOR_NO_DOMAIN');
  });
}

function frameCases({ check, checkIf, options }: CaseSuite): void {
  const frames = { firstFrame: VIDEO_FRAME, count: 1 };
  const mapping = { guestFrame: VIDEO_FRAME, machineFrame: VIDEO_FRAME, count: 1 };
  check('a domain is given machine frames, and they are taken away', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await hypervisor.setIomemPermission(domid, frames, true);
      await hypervisor.setIomemPermission(domid, frames, false);
    });
    const set = (): unknown => hypervisor.setIomemPermission(UNUSED, frames, true);
    await rejects(set, 'HYPERVISOR_NO_DOMAIN');
  });
  check("Xen's own frames are not Dom0's to give", async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const apic = { firstFrame: APIC_FRAME, count: 1 };
      const set = (): unknown => hypervisor.setIomemPermission(domid, apic, true);
      await rejects(set, 'HYPERVISOR_NOT_PERMITTED');
    });
  });
  check('frames end where numbers do', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const last = { firstFrame: 0xffff_ffff_ffff_ffffn, count: 2 };
      const none = { firstFrame: VIDEO_FRAME, count: 0 };
      const code = 'HYPERVISOR_BAD_ARGUMENT';
      await rejects(() => hypervisor.setIomemPermission(domid, last, true), code);
      await rejects(() => hypervisor.setIomemPermission(domid, none, true), code);
    });
  });
  checkIf(options.supports.containers)(
    'frames are mapped for a container that may have them',
    async (hypervisor) => {
      await withDomain(hypervisor, { guestType: 'hvm' }, async (domid) => {
        const map = (add: boolean): unknown => hypervisor.setIomemMapping(domid, mapping, add);
        await rejects(() => map(true), 'HYPERVISOR_NOT_PERMITTED');
        await hypervisor.setPagingPool(domid, 8192);
        await hypervisor.setIomemPermission(domid, frames, true);
        await map(true);
        await map(false);
      });
    },
  );
  check('frames are not mapped for a PV domain', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const map = (): unknown => hypervisor.setIomemMapping(domid, mapping, true);
      await rejects(map, 'HYPERVISOR_BAD_ARGUMENT');
    });
    const map = (): unknown => hypervisor.setIomemMapping(UNUSED, mapping, true);
    await rejects(map, 'HYPERVISOR_NO_DOMAIN');
  });
}

function irqCases({ check }: CaseSuite): void {
  check('an interrupt is mapped, allowed, forbidden and unmapped', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      const pirq = await hypervisor.mapPirq(domid, 12);
      assert.equal(pirq, 12);
      assert.equal(await hypervisor.mapPirq(domid, 12), 12);
      await hypervisor.unmapPirq(domid, pirq);
      await rejects(() => hypervisor.unmapPirq(domid, pirq), 'HYPERVISOR_BAD_ARGUMENT');
    });
  });
  for (const irq of [-1, 100_000, 0.5]) {
    check(`there is no interrupt ${irq}`, async (hypervisor) => {
      await withDomain(hypervisor, {}, async (domid) => {
        await rejects(() => hypervisor.mapPirq(domid, irq), 'HYPERVISOR_BAD_ARGUMENT');
        const set = (): unknown => hypervisor.setIrqPermission(domid, irq, true);
        await rejects(set, 'HYPERVISOR_BAD_ARGUMENT');
      });
    });
  }
  check('interrupts are for domains that are there', async (hypervisor) => {
    const code = 'HYPERVISOR_NO_DOMAIN';
    await rejects(() => hypervisor.mapPirq(UNUSED, 12), code);
    await rejects(() => hypervisor.unmapPirq(UNUSED, 12), code);
    await rejects(() => hypervisor.setIrqPermission(UNUSED, 12, true), code);
  });
}

function pciCases({ checkIf, options }: CaseSuite): void {
  const { pci } = options;
  const check = checkIf(typeof pci === 'string' ? pci : true);
  const none = { domain: 0, bus: 0, slot: 0, fn: 0 };
  const { address, neighbour } = typeof pci === 'string' ? { address: none, neighbour: none } : pci;
  check('a device is given to one domain at a time', async (hypervisor) => {
    await withDomain(hypervisor, { iommu: true }, async (domid) => {
      assert.equal(await hypervisor.isPciAssignable(address), true);
      await hypervisor.assignPci(domid, address);
      assert.equal(await hypervisor.isPciAssignable(address), false);
      await rejects(() => hypervisor.assignPci(domid, address), 'HYPERVISOR_BUSY');
      await hypervisor.deassignPci(domid, address);
      assert.equal(await hypervisor.isPciAssignable(address), true);
      await rejects(() => hypervisor.deassignPci(domid, address), 'HYPERVISOR_CALL_FAILED');
    });
  });
  check('a device comes back when its domain dies', async (hypervisor) => {
    await withDomain(hypervisor, { iommu: true }, async (domid) => {
      await hypervisor.assignPci(domid, address);
    });
    assert.equal(await hypervisor.isPciAssignable(address), true);
  });
  check('devices of one group know each other', async (hypervisor) => {
    await withDomain(hypervisor, { iommu: true }, async (domid) => {
      const group = (await hypervisor.pciGroup(domid, address)).map(formatPciAddress);
      assert.ok(group.includes(formatPciAddress(neighbour)));
      assert.equal(group.includes(formatPciAddress(address)), false);
    });
  });
  check('a domain that was created without the right gets no device', async (hypervisor) => {
    await withDomain(hypervisor, {}, async (domid) => {
      await rejects(() => hypervisor.assignPci(domid, address), 'HYPERVISOR_NOT_SUPPORTED');
    });
  });
}

function noPciCases({ check, options }: CaseSuite): void {
  const absent = { domain: 0, bus: 0xfe, slot: 0x1f, fn: 7 };
  check('a device that is not there can be given to nobody', async (hypervisor) => {
    assert.equal(await hypervisor.isPciAssignable(absent), false);
  });
  check('devices are for domains that are there', async (hypervisor) => {
    await rejects(() => hypervisor.assignPci(UNUSED, absent), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.deassignPci(UNUSED, absent), 'HYPERVISOR_NO_DOMAIN');
    await rejects(() => hypervisor.pciGroup(UNUSED, absent), 'HYPERVISOR_NO_DOMAIN');
  });
  if (typeof options.pci !== 'string') return;
  check('without an IOMMU no domain gets a device', async (hypervisor) => {
    const create = (): unknown => hypervisor.createDomain(specOf({ iommu: true }));
    await rejects(create, 'HYPERVISOR_BAD_ARGUMENT');
    await withDomain(hypervisor, {}, async (domid) => {
      const code = 'HYPERVISOR_NOT_SUPPORTED';
      await rejects(() => hypervisor.assignPci(domid, absent), code);
      await rejects(() => hypervisor.deassignPci(domid, absent), code);
      await rejects(() => hypervisor.pciGroup(domid, absent), code);
    });
  });
}
