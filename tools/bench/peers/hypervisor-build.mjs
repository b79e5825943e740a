// Our side of the builds, in Dom0: makes and builds PV domains through @xenops/native. Arguments: kernel, ramdisk or "-",
// memory in MiB, count, peer command or "-". Prints "ours SECONDS" for each build, and "peer SECONDS" for each run of the
// command, in turn; `xl destroy bench` follows the command outside of its time. One round more warms up.
import { execFileSync } from 'node:child_process';
import { DOM0, randomVmUuid } from '@xenops/core/ids';
import { openHypervisor } from '@xenops/native';

const [kernelPath, ramdisk, memoryMib, count, peer] = process.argv.slice(2);
const memoryKib = Number(memoryMib) * 1024;
const hypervisor = openHypervisor();

async function ours() {
  const domid = await hypervisor.createDomain({
    uuid: randomVmUuid(),
    guestType: 'pv',
    maxVcpus: 1,
  });
  hypervisor.setMaxMemory(domid, memoryKib + 1024);
  await hypervisor.buildDomain(domid, {
    kind: 'pv',
    kernelPath,
    ...(ramdisk === '-' ? {} : { ramdiskPath: ramdisk }),
    cmdline: 'console=hvc0',
    memoryKib,
    storeEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
    storeDomid: DOM0,
    consoleEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
    consoleDomid: DOM0,
  });
  return () => hypervisor.destroy(domid);
}

async function theirs() {
  execFileSync('/bin/sh', ['-c', peer]);
  return () => execFileSync('xl', ['destroy', 'bench']);
}

async function measure(name, run, isCounted) {
  const start = performance.now();
  const end = await run();
  const seconds = (performance.now() - start) / 1000;
  await end();
  if (isCounted) process.stdout.write(`${name} ${seconds}\n`);
}

for (let round = 0; round <= Number(count); round++) {
  const sides = [['ours', ours], ...(peer === '-' ? [] : [['peer', theirs]])];
  for (const [name, run] of round % 2 === 0 ? sides : sides.toReversed()) {
    await measure(name, run, round > 0);
  }
}
await hypervisor[Symbol.asyncDispose]();
