// Our side of peers/hypervisor-calls.c: find, list, or objects (the list decoded whole), and a count. Prints nanoseconds for each call.
import { DOM0 } from '@xenops/core/ids';
import { openHypervisor } from '@xenops/native';

const [what, count] = process.argv.slice(2);
const hypervisor = openHypervisor();
const CALLS = {
  find: () => hypervisor.findDomain(DOM0),
  list: () => hypervisor.domainTable(),
  objects: () => hypervisor.listDomains(),
};
const call = CALLS[what];
const rounds = Number(count);
// The first tenth warms up.
for (let round = 0; round < rounds / 10; round++) call();
const start = process.hrtime.bigint();
for (let round = 0; round < rounds; round++) call();
process.stdout.write(`${(Number(process.hrtime.bigint() - start) / rounds).toFixed(1)}\n`);
await hypervisor[Symbol.asyncDispose]();
