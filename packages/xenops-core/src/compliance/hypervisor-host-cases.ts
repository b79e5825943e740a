/** Cases about the host as a whole: what it has, its console, watchdogs, FLASK. */
import assert from 'node:assert/strict';
import { rejects, type CaseSuite } from './hypervisor-case.ts';

/** All of them. */
export function hostCases(suite: CaseSuite): void {
  machineCases(suite);
  topologyCases(suite);
  consoleCases(suite);
  watchdogCases(suite);
  flaskCases(suite);
}

function machineCases({ check }: CaseSuite): void {
  check('the version names a release and its capabilities', async (hypervisor) => {
    const version = await hypervisor.version();
    assert.ok(version.major >= 4);
    assert.equal(version.pageSizeBytes, 4096);
    assert.match(version.capabilities, /xen-3\.0-x86_64/);
  });
  check('the host has cpus and memory, and runs PV guests', async (hypervisor) => {
    const host = await hypervisor.physInfo();
    assert.ok(host.cpuCount >= 1 && host.maxCpuId >= host.cpuCount - 1);
    assert.ok(host.freeMemoryKib > 0 && host.freeMemoryKib < host.totalMemoryKib);
    assert.ok(host.capabilities.includes('pv'));
  });
  check('each physical cpu has an idle time, in order', async (hypervisor) => {
    const { cpuCount } = await hypervisor.physInfo();
    const cpus = await hypervisor.pcpuInfo();
    assert.deepEqual(
      cpus.map(({ cpu }) => cpu),
      [...Array(cpuCount).keys()],
    );
    assert.ok(cpus.every(({ idleNs }) => idleNs >= 0n));
  });
  check("reading Xen's console leaves it as it is", async (hypervisor) => {
    const first = await hypervisor.consoleRing();
    const second = await hypervisor.consoleRing();
    assert.ok(second.startsWith(first.slice(0, 200)));
    assert.ok(second.length >= first.length);
  });
}

function topologyCases({ check }: CaseSuite): void {
  check('each cpu has a place on a core, a socket and a node', async (hypervisor) => {
    const { cpuCount, nodeCount } = await hypervisor.physInfo();
    const cpus = await hypervisor.cpuTopology();
    assert.deepEqual(
      cpus.map(({ cpu }) => cpu),
      [...Array(cpuCount).keys()],
    );
    assert.ok(cpus.every(({ core, socket, node }) => core >= 0 && socket >= 0 && node < nodeCount));
  });
  check('the nodes have the memory of the host, and their distances', async (hypervisor) => {
    const { nodeCount, freeMemoryKib } = await hypervisor.physInfo();
    const nodes = await hypervisor.numaNodes();
    assert.equal(nodes.length, nodeCount);
    const freeKib = nodes.reduce((all, node) => all + node.freeMemoryKib, 0);
    assert.ok(Math.abs(freeKib - freeMemoryKib) < 65_536, `${freeKib} of ${freeMemoryKib} KiB`);
    for (const { node, totalMemoryKib, freeMemoryKib: free, distances } of nodes) {
      assert.ok(free <= totalMemoryKib);
      assert.equal(distances.length, nodeCount);
      if (nodeCount > 1) assert.equal(distances[node], 10);
    }
  });
}

function consoleCases({ check }: CaseSuite): void {
  check('debug keys are answered on the console of Xen', async (hypervisor) => {
    await hypervisor.clearConsoleRing();
    await hypervisor.sendDebugKeys('h');
    assert.match(await hypervisor.consoleRing(), /'h' pressed/);
  });
  check('clearing the console tells what was in it, and leaves nothing', async (hypervisor) => {
    await hypervisor.sendDebugKeys('h');
    assert.match(await hypervisor.clearConsoleRing(), /'h' pressed/);
    assert.doesNotMatch(await hypervisor.consoleRing(), /'h' pressed/);
  });
}

/** Long enough that no test lets it run out. */
const WATCHDOG_SECONDS = 3600;

function watchdogCases({ check }: CaseSuite): void {
  check('a watchdog is made, renewed and ended', async (hypervisor) => {
    const id = await hypervisor.watchdog(0, WATCHDOG_SECONDS);
    try {
      assert.ok(id >= 1);
      assert.equal(await hypervisor.watchdog(id, WATCHDOG_SECONDS), id);
    } finally {
      await hypervisor.watchdog(id, 0);
    }
    await rejects(() => hypervisor.watchdog(id, WATCHDOG_SECONDS), 'HYPERVISOR_BAD_ARGUMENT');
  });
  check('there are only so many watchdogs', async (hypervisor) => {
    const ids: number[] = [];
    const make = async (): Promise<void> => {
      for (let count = 0; count < 8; count += 1) {
        ids.push(await hypervisor.watchdog(0, WATCHDOG_SECONDS));
      }
    };
    try {
      await rejects(make, 'HYPERVISOR_CALL_FAILED');
    } finally {
      for (const id of ids) await hypervisor.watchdog(id, 0);
    }
  });
  for (const [id, seconds] of [
    [99, WATCHDOG_SECONDS],
    [0, 0],
    [0, -1],
    [0, 0.5],
  ] as const) {
    check(`there is no watchdog ${id} of ${seconds} seconds`, async (hypervisor) => {
      await rejects(() => hypervisor.watchdog(id, seconds), 'HYPERVISOR_BAD_ARGUMENT');
    });
  }
}

function flaskCases({ check, checkIf, options }: CaseSuite): void {
  const { flask } = options.supports;
  if (flask !== true) {
    check('without FLASK nothing of it is supported', async (hypervisor) => {
      const code = 'HYPERVISOR_NOT_SUPPORTED';
      await rejects(() => hypervisor.flaskEnforcing(), code);
      await rejects(() => hypervisor.setFlaskEnforcing(false), code);
      await rejects(() => hypervisor.flaskSid('system_u:system_r:domU_t'), code);
      await rejects(() => hypervisor.flaskLabel(1), code);
    });
  }
  const checkFlask = checkIf(flask);
  checkFlask('FLASK enforces or permits, as it is told', async (hypervisor) => {
    const before = await hypervisor.flaskEnforcing();
    await hypervisor.setFlaskEnforcing(!before);
    assert.equal(await hypervisor.flaskEnforcing(), !before);
    await hypervisor.setFlaskEnforcing(before);
  });
  checkFlask('a label has an identifier, and the identifier that label', async (hypervisor) => {
    const label = 'system_u:system_r:domU_t';
    assert.equal(await hypervisor.flaskLabel(await hypervisor.flaskSid(label)), label);
    await rejects(() => hypervisor.flaskSid('no such label'), 'HYPERVISOR_BAD_ARGUMENT');
  });
}
