/** Schedulers, what share of them domains have, and the pools of cpus that they run. */
import { constants } from 'node:os';
import { HypervisorError } from '@xenops/core/errors';
import {
  SCHEDULERS,
  type HostControl,
  type Scheduler,
  type SchedulerShare,
  type SeenScheduler,
} from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import type { XcInterface } from './addon.ts';
import { onDomain, onHost, type Connection, type Deed, type Verbs } from './connection.ts';

type SchedulerVerb =
  | 'scheduler'
  | 'schedulerShare'
  | 'setSchedulerShare'
  | 'cpupools'
  | 'createCpupool'
  | 'destroyCpupool'
  | 'addCpuToPool'
  | 'removeCpuFromPool'
  | 'moveDomainToPool';

type LongVerb = 'addCpuToPool' | 'removeCpuFromPool' | 'moveDomainToPool';

export type SchedulerVerbs = Verbs<Pick<HostControl, SchedulerVerb>, LongVerb>;

/** The verbs of `HostControl` about schedulers and cpupools. */
export function schedulerVerbs(connection: Connection): SchedulerVerbs {
  return { ...shareVerbs(connection), ...cpupoolVerbs(connection) };
}

const READ = onHost('read the scheduler');
const SCHEDULER_NAMES: ReadonlyMap<number, Scheduler> = new Map(
  Object.entries(SCHEDULERS).map(([name, number]) => [number, name as Scheduler]),
);

type ShareVerb = 'scheduler' | 'schedulerShare' | 'setSchedulerShare';

function shareVerbs(connection: Connection): Pick<SchedulerVerbs, ShareVerb> {
  return {
    scheduler: () => connection.call(READ, (xc, addon) => schedulerFromNumber(addon.scheduler(xc))),
    schedulerShare(domid) {
      const deed = onDomain('read the scheduler share of', domid);
      return connection.call(deed, (xc) => readShare(connection, { xc, domid, deed }));
    },
    setSchedulerShare(domid, wanted) {
      const deed = onDomain('set the scheduler share of', domid, wanted);
      connection.call(deed, (xc, addon) => {
        // Both are always set: the two schedulers differ in how they would be told to keep one.
        const before = readShare(connection, { xc, domid, deed });
        const { scheduler, weight, capPercent } = { ...before, ...wanted };
        if (scheduler === 'credit') addon.setCreditShare(xc, domid, weight, capPercent);
        else addon.setCredit2Share(xc, domid, weight, capPercent);
      });
    },
  };
}

function cpupoolVerbs(connection: Connection): Omit<SchedulerVerbs, ShareVerb> {
  return {
    cpupools: () =>
      connection.call(onHost('list the cpupools'), (xc, addon) =>
        addon.cpupools(xc).map(({ scheduler, ...rest }) => ({
          ...rest,
          scheduler: schedulerFromNumber(scheduler),
        })),
      ),
    createCpupool: (scheduler) =>
      connection.call(onHost('create a cpupool', { scheduler }), (xc, addon) =>
        addon.createCpupool(xc, SCHEDULERS[scheduler]),
      ),
    destroyCpupool(cpupoolId) {
      connection.call(onHost(`destroy cpupool ${cpupoolId}`, { cpupoolId }), (xc, addon) => {
        addon.destroyCpupool(xc, cpupoolId);
      });
    },
    async addCpuToPool(cpupoolId, cpu) {
      const deed = onHost(`add cpu ${cpu} to cpupool ${cpupoolId}`, { cpupoolId, cpu });
      await connection.run(deed, (xc, _, addon) => addon.startAddCpuToPool(xc, cpupoolId, cpu));
    },
    async removeCpuFromPool(cpupoolId, cpu) {
      const deed = onHost(`remove cpu ${cpu} from cpupool ${cpupoolId}`, { cpupoolId, cpu });
      await connection.run(deed, (xc, _, addon) =>
        addon.startRemoveCpuFromPool(xc, cpupoolId, cpu),
      );
    },
    async moveDomainToPool(domid, cpupoolId) {
      await connection.run(
        onDomain(`move to cpupool ${cpupoolId}`, domid, { cpupoolId }),
        (xc, _, addon) => addon.startMoveDomainToPool(xc, domid, cpupoolId),
      );
    },
  };
}

/** A domain's share under the scheduler of its cpupool. */
function readShare(
  connection: Connection,
  { xc, domid, deed }: { readonly xc: XcInterface; readonly domid: Domid; readonly deed: Deed },
): SchedulerShare {
  const { addon } = connection;
  const domain = connection.findDomain(xc, domid);
  if (domain === undefined) throw noDomain(deed);
  const pool = addon.cpupools(xc).find(({ cpupoolId }) => cpupoolId === domain.cpupoolId);
  const scheduler = pool === undefined ? undefined : schedulerFromNumber(pool.scheduler);
  if (scheduler === 'credit') return { scheduler, ...addon.creditShare(xc, domid) };
  if (scheduler === 'credit2') return { scheduler, ...addon.credit2Share(xc, domid) };
  throw new HypervisorError('HYPERVISOR_NOT_SUPPORTED', {
    message: `Cannot ${deed.what}: its scheduler has no shares`,
    context: { ...deed.context, scheduler },
  });
}

function noDomain({ what, context }: Deed): HypervisorError {
  const { ESRCH } = constants.errno;
  return new HypervisorError('HYPERVISOR_NO_DOMAIN', {
    message: `Cannot ${what}: no domain has this domid`,
    context: { ...context, call: 'xc_domain_getinfolist', errno: ESRCH },
  });
}

function schedulerFromNumber(number: number): SeenScheduler {
  return SCHEDULER_NAMES.get(number) ?? `unknown-${number}`;
}
