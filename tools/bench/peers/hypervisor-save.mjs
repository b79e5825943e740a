// Our side of saving and restoring, in Dom0. Arguments: MiB of memory of the running guest "bench", count. Saves the guest to
// a file in memory and restores it, in turn with xl. Prints "save|restore ours|peer RATE" in MiB/s for each; one round more
// warms up.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { DOM0, randomVmUuid } from '@xenops/core/ids';
import { openLocalStore, waitFor } from '@xenops/core/xenstore';
import { openHypervisor } from '@xenops/native';

const [memoryMib, count] = process.argv.slice(2).map(Number);
const memoryKib = memoryMib * 1024;
const IMAGE = '/dev/shm/bench-image';
const hypervisor = openHypervisor();
const store = await openLocalStore();
const domidOf = (name) => Number(execFileSync('xl', ['domid', name], { encoding: 'utf8' }));

async function seconds(run) {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

async function suspend(domid) {
  await store.write(`/local/domain/${domid}/control/shutdown`, 'suspend');
  const look = async () => hypervisor.findDomain(domid)?.shutdownReason === 'suspend' || undefined;
  const condition = { what: 'the guest to suspend', paths: ['@releaseDomain'], look };
  await waitFor(store, condition, { timeoutMs: 120_000 });
}

async function saveOurs() {
  const domid = domidOf('bench');
  const fd = openSync(IMAGE, 'w');
  const time = await seconds(() =>
    hypervisor.saveDomain(domid, { fd, suspend: () => suspend(domid) }),
  );
  closeSync(fd);
  return time;
}

async function restoreOurs() {
  const guest = { guestType: 'pv', maxVcpus: 1, uuid: randomVmUuid() };
  const fd = openSync(IMAGE, 'r');
  let domid;
  const time = await seconds(async () => {
    domid = await hypervisor.createDomain(guest);
    hypervisor.setMaxMemory(domid, memoryKib + 1024);
    await hypervisor.restoreDomain(domid, {
      fd,
      guestType: 'pv',
      memoryKib,
      storeEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
      storeDomid: DOM0,
      consoleEvtchn: hypervisor.allocUnboundEvtchn(domid, DOM0),
      consoleDomid: DOM0,
    });
  });
  closeSync(fd);
  await hypervisor.destroy(domid);
  return time;
}

for (let round = 0; round <= count; round++) {
  const print = (what, side, time) => {
    if (round === 0) return;
    const mib = statSync(IMAGE).size / 2 ** 20;
    process.stdout.write(`${what} ${side} ${mib / time}\n`);
  };
  print('save', 'ours', await saveOurs());
  print('restore', 'ours', await restoreOurs());
  const domid = domidOf('bench');
  await hypervisor.resume(domid, { cooperative: true });
  await store.resume(domid);
  rmSync(IMAGE);
  const saved = await seconds(async () => execFileSync('xl', ['save', 'bench', IMAGE]));
  print('save', 'peer', saved);
  const restored = await seconds(async () => execFileSync('xl', ['restore', IMAGE]));
  print('restore', 'peer', restored);
  rmSync(IMAGE);
}
await store[Symbol.asyncDispose]();
await hypervisor[Symbol.asyncDispose]();
