// Our side of the xenops benchmark, and its clock, in Dom0: one resident process that makes and destroys PV domains through @xenops/core, in
// turn with our commands and with xl. Arguments: small kernel, packed kernel, its ramdisk, disk image, bridge, rounds, size of the crowd, parts.
// Prints "SCENARIO WHAT SIDE SECONDS" for each measurement, and "requests COUNT" for the requests to xenstored of one small create.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { attachDevice, describeVbd, describeVif } from '@xenops/core/devices';
import { buildDomain, createDomain, destroyDomain, domainNames } from '@xenops/core/domain';
import { nodeHostServices } from '@xenops/core/host';
import { randomVmUuid } from '@xenops/core/ids';
import { DEFAULT_SOCKET_PATH, socketConnector, WireClient } from '@xenops/core/xenstore';
import { openHotplug, openHypervisor } from '@xenops/native';

const [smallKernel, packedKernel, ramdisk, disk, bridge, roundsText, crowdText, partsText] =
  process.argv.slice(2);
const parts = new Set(partsText.split(','));
const [rounds, crowd] = [Number(roundsText), Number(crowdText)];
const MAC = '00:16:3e:00:00:01';
const SMALL_MIB = 32;
/** So that many of them fit. */
const CROWD_MIB = 4;
const LARGE_MIB = 256;
const CONFIG = '/var/tmp/bench.cfg';
/** Each of our commands starts Node, for seconds under emulation; and nothing is aimed at there. */
const COMMAND_ROUNDS = Math.min(rounds, 3);
/** What xenstored and xenconsoled get to be done with the end of the last guest, which each looks at all others for; it is no cost of the next one. */
const SETTLE_MS = 300;
/** So many of a growing crowd are its first ones, and its last. */
const EDGE = 10;

let requestCount = 0;
const connect = socketConnector(DEFAULT_SOCKET_PATH);
const store = new WireClient(async (handlers) => {
  const transport = await connect(handlers);
  return {
    send: (message) => {
      requestCount += 1;
      transport.send(message);
    },
    setRef: (keepAlive) => transport.setRef(keepAlive),
    close: () => transport.close(),
  };
});
const host = {
  uri: 'xen:',
  hypervisor: openHypervisor(),
  hotplug: openHotplug(),
  store,
  services: nodeHostServices,
};

const SCENARIOS = {
  small: { memoryMib: SMALL_MIB, kernelPath: smallKernel, xl: [] },
  disk: {
    memoryMib: SMALL_MIB,
    kernelPath: smallKernel,
    xl: [`disk=["${disk},raw,xvda,w"]`],
    device: (domid) =>
      describeVbd({ domid, guestType: 'pv' }, { vdev: 'xvda', target: disk, readOnly: false }),
  },
  vif: {
    memoryMib: SMALL_MIB,
    kernelPath: smallKernel,
    xl: [`vif=["mac=${MAC},bridge=${bridge}"]`],
    device: (domid) =>
      describeVif(domid, { devid: 0, mac: MAC, network: { kind: 'bridge', bridge } }),
  },
  packed: {
    memoryMib: LARGE_MIB,
    kernelPath: packedKernel,
    ramdiskPath: ramdisk,
    xl: [`ramdisk="${ramdisk}"`],
  },
};

async function make({ memoryMib, kernelPath, ramdiskPath, device }, name = 'bench') {
  const domid = await createDomain(host, {
    uuid: randomVmUuid(),
    guestType: 'pv',
    maxVcpus: 1,
    name,
  });
  const memoryKib = memoryMib * 1024;
  const config = { kind: 'pv', vcpus: 1, memoryKib, kernelPath, ramdiskPath, cmdline: '' };
  await buildDomain(host, domid, config);
  if (device !== undefined) await attachDevice(host, device(domid));
  return domid;
}

const run = (...words) => execFileSync(words[0], words.slice(1), { encoding: 'utf8' });
const destroy = (domid) => destroyDomain(host, domid, { timeoutMs: 60_000 });

/** Each side makes a domain and tells how to destroy it. */
const sidesOf = (scenario) => ({
  ours: async () => {
    const domid = await make(scenario);
    return () => destroy(domid);
  },
  peer: () => {
    run('xl', 'create', '-q', '-p', CONFIG);
    return () => run('xl', 'destroy', 'bench');
  },
});

/** Our commands in place of the resident process. */
function commands() {
  const domid = run('xenops', 'create_domain', '--name', 'bench').trim();
  const words = ['--domid', domid, '--kernel', smallKernel, '--memory', `${SMALL_MIB}M`];
  run('xenops', 'build_domain', ...words, '--cmdline', '');
  return () => run('xenops', 'destroy_domain', '--domid', domid);
}

function writeConfig({ memoryMib, kernelPath, xl }) {
  const lines = ['name="bench"', 'type="pv"', `kernel="${kernelPath}"`, `memory=${memoryMib}`];
  writeFileSync(CONFIG, `${[...lines, ...xl].join('\n')}\n`);
}

async function timed(label, isCounted, body) {
  const start = performance.now();
  const result = await body();
  const seconds = (performance.now() - start) / 1000;
  if (isCounted) process.stdout.write(`${label} ${seconds}\n`);
  return result;
}

/** The sides in turn, forwards and backwards; the first round warms up. */
async function alternate(sides, body, count = rounds) {
  for (let round = 0; round <= count; round += 1) {
    const entries = Object.entries(sides);
    for (const [name, side] of round % 2 === 0 ? entries : entries.toReversed()) {
      await body(name, side, round > 0);
    }
  }
}

const compareLives = (title, sides, count) =>
  alternate(
    sides,
    async (name, side, isCounted) => {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
      const end = await timed(`${title} create ${name}`, isCounted, side);
      await timed(`${title} destroy ${name}`, isCounted, end);
    },
    count,
  );

const LISTS = {
  ours: async () => domainNames(host, await host.hypervisor.listDomains()),
  peer: () => run('xl', 'list'),
};
const LIST_COMMANDS = { commands: () => run('xenops', 'list_domains') };
async function compareLists(title) {
  const body = (name, side, isCounted) => timed(`${title} list ${name}`, isCounted, side);
  await alternate(LISTS, body);
  await alternate(LIST_COMMANDS, body, COMMAND_ROUNDS);
}

for (const [title, scenario] of Object.entries(SCENARIOS)) {
  if (!parts.has(title)) continue;
  writeConfig(scenario);
  await compareLives(title, sidesOf(scenario));
}
if (parts.has('small')) {
  requestCount = 0;
  const counted = await make(SCENARIOS.small);
  process.stdout.write(`requests ${requestCount}\n`);
  await destroy(counted);
}
if (parts.has('commands')) {
  writeConfig(SCENARIOS.small);
  const { peer } = sidesOf(SCENARIOS.small);
  await compareLives('commands', { ours: commands, peer }, COMMAND_ROUNDS);
}
// The same among few and among many; among few before and after, for the machine is not as busy all the time.
if (parts.has('crowd')) {
  const one = { ...SCENARIOS.small, memoryMib: CROWD_MIB };
  writeConfig(one);
  const before = Math.ceil(rounds / 2);
  await compareLists('alone');
  await compareLives('alone', sidesOf(one), before);
  const others = [];
  for (let index = 0; index < crowd; index += 1) {
    const edge = index < EDGE ? 'first' : index < crowd - EDGE ? 'middle' : 'last';
    others.push(await timed(`growth ${edge} ours`, true, () => make(one, `crowd${index}`)));
  }
  await compareLists('crowd');
  await compareLives('crowd', sidesOf(one));
  for (const domid of others) await destroy(domid);
  if (rounds > before) await compareLives('alone', sidesOf(one), rounds - before);
}
await store[Symbol.asyncDispose]();
await host.hypervisor[Symbol.asyncDispose]();
