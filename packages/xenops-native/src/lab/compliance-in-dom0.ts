/**
 * The compliance suite against the running Xen, under Node's own runner: a Dom0 has nothing else. Run by native.lab.ts as
 * `node --test`, with the guest's kernel and ramdisk in the environment.
 */
import { test } from 'node:test';
import { hypervisorSuite, type SuiteTest } from '@xenops/core/compliance';
import { openLocalStore } from '@xenops/core/xenstore';
import { openHypervisor } from '../open-hypervisor.ts';
import { hvmFiles } from './guest-of-build.ts';

const kernelPath = process.env['GUEST_KERNEL'];
const ramdiskPath = process.env['GUEST_RAMDISK'];
if (kernelPath === undefined) throw new Error('GUEST_KERNEL must name an uncompressed PV kernel');

const suiteTest: SuiteTest = Object.assign(
  (name: string, body: () => Promise<void>) => test(name, body),
  { skip: (name: string, body: () => Promise<void>) => test.skip(name, body) },
);

hypervisorSuite({
  test: suiteTest,
  open: openHypervisor,
  openStore: () => openLocalStore(),
  kernel: { path: kernelPath, ...(ramdiskPath === undefined ? {} : { ramdisk: ramdiskPath }) },
  hvm: hvmFiles(),
  pci: 'the machine has no IOMMU',
  supports: {
    containers: true,
    containerCores: 'minutes under emulation',
    cpuMoves: 'Xen 4.17 under emulation hangs now and then when a cpu leaves its pool',
    rings: true,
    flask: 'Xen runs without FLASK',
  },
});
