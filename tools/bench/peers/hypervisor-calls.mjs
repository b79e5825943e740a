// Our side of peers/hypervisor-calls.c: find, list, scheduler, or objects (the list decoded whole), and a count. Prints nanoseconds for
// each call.
import { DOM0 } from '@xenops/core/ids';
import { openHypervisor } from '@xenops/native';

const [what, count] = process.argv.slice(2);
const hypervisor = openHypervisor();
const table = hypervisor.domainTable();
const CALLS = {
  find: () => hypervisor.findDomain(DOM0),
  list: () => hypervisor.domainTable(table),
  objects: () => hypervisor.listDomains(),
  scheduler: () => hypervisor.scheduler(),
};
const call = CALLS[what];
const rounds = Number(count);
// As many again warm up: a resident program has long been compiled.
for (let round = 0; round < rounds; round++) call();
const start = process.hrtime.bigint();
for (let round = 0; round < rounds; round++) call();
process.stdout.write(`${(Number(process.hrtime.bigint() - start) / rounds).toFixed(1)}\n`);
await hypervisor[Symbol.asyncDispose]();
