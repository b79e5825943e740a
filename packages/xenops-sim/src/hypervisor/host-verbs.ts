/** Verbs about the host as a whole: what it is, its console, watchdogs, FLASK. Cpupools are in cpupools.ts. */
import type { HostControl, Hypervisor, XenVersion } from '@xenops/core/hypervisor';
import { kibFromPages } from '@xenops/core/units';
import { checkWhole } from './call-failure.ts';
import { refuse, type XenState } from './xen-state.ts';

/** The release whose behaviour is modelled; `extra` and `changeset` say that it is a model. */
export const SIMULATED_VERSION: XenVersion = {
  major: 4,
  minor: 17,
  extra: '.7-simulated',
  changeset: 'simulated',
  compileDate: 'Thu Jan  1 00:00:00 UTC 1970',
  compiler: 'none (a model)',
  capabilities: 'xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64',
  commandLine: 'placeholder simulated',
  pageSizeBytes: 4096,
};

/** Watchdogs of one domain (NR_DOMAIN_WATCHDOG_TIMERS, xen/include/xen/sched.h). */
const WATCHDOGS_MAX = 2;
const SECONDS_MAX = 0x7fff_ffff;
const DEBUG_KEYS = /^[\u0001-\u007e]*$/;

type HostVerbs = Pick<Hypervisor, 'version' | 'physInfo' | 'pcpuInfo' | 'consoleRing'> &
  Pick<
    HostControl,
    | 'cpuTopology'
    | 'numaNodes'
    | 'clearConsoleRing'
    | 'sendDebugKeys'
    | 'watchdog'
    | 'flaskEnforcing'
    | 'setFlaskEnforcing'
    | 'flaskSid'
    | 'flaskLabel'
  >;

export function hostVerbs(xen: XenState): HostVerbs {
  return {
    version: () => SIMULATED_VERSION,
    physInfo: () => ({
      cpuCount: xen.machine.cpus.length,
      threadsPerCore: xen.machine.threadsPerCore,
      coresPerSocket: xen.machine.coresPerSocket,
      nodeCount: xen.machine.nodes.length,
      maxCpuId: xen.machine.cpus.length - 1,
      maxNodeId: xen.machine.nodes.length - 1,
      cpuKhz: xen.machine.cpuKhz,
      totalMemoryKib: kibFromPages(xen.memory.totalPages),
      // What is claimed counts as free (`get_outstanding_claims`, xen/common/page_alloc.c).
      freeMemoryKib: kibFromPages(xen.memory.freePages + xen.memory.claimedPages),
      scrubMemoryKib: kibFromPages(xen.memory.scrubPages),
      outstandingMemoryKib: kibFromPages(xen.memory.claimedPages),
      capabilities: [
        'hvm',
        'pv',
        ...(xen.machine.hasIommu ? (['directio'] as const) : []),
        'hap',
        'shadow',
        'gnttab-v1',
        'gnttab-v2',
      ],
    }),
    pcpuInfo() {
      const idleMs = Math.max(0, Math.trunc(xen.clock.nowMs() - xen.startMs));
      return xen.machine.cpus.map(({ cpu }) => ({ cpu, idleNs: BigInt(idleMs) * 1_000_000n }));
    },
    consoleRing: () => xen.console.text,
    cpuTopology: () => xen.machine.cpus,
    numaNodes: () =>
      xen.machine.nodes.map(({ distances }, node) => ({
        node,
        totalMemoryKib: kibFromPages(xen.memory.totalPagesByNode[node] ?? 0),
        freeMemoryKib: kibFromPages(xen.memory.freePagesByNode[node] ?? 0),
        distances,
      })),
    clearConsoleRing() {
      const { text } = xen.console;
      xen.console.clear();
      return text;
    },
    sendDebugKeys(keys) {
      if (!DEBUG_KEYS.test(keys)) {
        refuse({ call: 'xc_send_debug_keys' }, 'EINVAL', 'A debug key is one ASCII character');
      }
      for (const key of keys) xen.console.print(`'${key}' pressed -> nothing is behind it here`);
    },
    watchdog: watchdogs(xen),
    ...flaskVerbs(xen),
  };
}

/** Watchdogs of Dom0, the only caller. When one runs out a real host restarts; this one says so and lives on. */
function watchdogs(xen: XenState): HostControl['watchdog'] {
  const running = new Map<number, Disposable>();
  const call = 'xc_watchdog';
  xen.atEnd(() => {
    for (const timer of running.values()) timer[Symbol.dispose]();
  });
  const start = (id: number, seconds: number): void => {
    running.get(id)?.[Symbol.dispose]();
    const runOut = (): void => xen.console.print('Watchdog timer fired for domain 0');
    running.set(id, xen.clock.startTimer(seconds * 1000, runOut));
  };
  return (id, timeoutSeconds) => {
    checkWhole(timeoutSeconds, { min: 0, max: SECONDS_MAX, what: 'A time in seconds' }, { call });
    if (id === 0 && timeoutSeconds === 0) refuse({ call }, 'EINVAL', 'A new watchdog needs a time');
    if (id === 0) {
      const free = [...Array(WATCHDOGS_MAX).keys()].find((at) => !running.has(at + 1));
      if (free === undefined) return refuse({ call }, 'ENOSPC', 'All watchdogs are in use');
      start(free + 1, timeoutSeconds);
      return free + 1;
    }
    if (!running.has(id)) refuse({ call }, 'EINVAL', `There is no watchdog ${id}`);
    if (timeoutSeconds > 0) {
      start(id, timeoutSeconds);
    } else {
      running.get(id)?.[Symbol.dispose]();
      running.delete(id);
    }
    return id;
  };
}

/** Initial security identifiers (tools/flask/policy/policy/initial_sids), besides those described. */
const INITIAL_LABELS: Readonly<Record<string, number>> = {
  'system_u:system_r:dom0_t': 1,
  'system_u:system_r:domU_t': 10,
};

function flaskVerbs(
  xen: XenState,
): Pick<HostVerbs, 'flaskEnforcing' | 'setFlaskEnforcing' | 'flaskSid' | 'flaskLabel'> {
  const { flask } = xen.machine;
  const sids = new Map(Object.entries({ ...INITIAL_LABELS, ...flask?.labels }));
  let isEnforcing = flask?.isEnforcing === true;
  const place = (verb: string): { readonly call: string } => {
    const call = `xc_flask_${verb}`;
    if (flask === undefined) refuse({ call }, 'ENOSYS', 'Xen runs without FLASK');
    return { call };
  };
  return {
    flaskEnforcing() {
      place('getenforce');
      return isEnforcing;
    },
    setFlaskEnforcing(enforcing) {
      place('setenforce');
      isEnforcing = enforcing;
    },
    flaskSid(label) {
      const where = place('context_to_sid');
      return sids.get(label) ?? refuse(where, 'EINVAL', `The policy has no label ${label}`);
    },
    flaskLabel(sid) {
      const where = place('sid_to_context');
      const found = [...sids].find(([, number]) => number === sid);
      return found?.[0] ?? refuse(where, 'EINVAL', `The policy has no security identifier ${sid}`);
    },
  };
}
