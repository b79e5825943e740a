/** Pools of cpus, each with its scheduler, and the shares of domains in them (xen/common/sched/). */
import type { CpupoolInfo, HostControl, Scheduler, SchedulerShare } from '@xenops/core/hypervisor';
import { SCHEDULERS } from '@xenops/core/hypervisor';
import { checkWhole } from './call-failure.ts';
import type { DomainRecord } from './domain-record.ts';
import { refuse, type XenState } from './xen-state.ts';

interface Cpupool {
  readonly scheduler: Scheduler;
  readonly cpus: Set<number>;
}

const WEIGHT_MAX = 65_535;
const PERCENT_PER_CPU = 100;

type PoolVerbs = Pick<
  HostControl,
  | 'scheduler'
  | 'schedulerShare'
  | 'setSchedulerShare'
  | 'cpupools'
  | 'createCpupool'
  | 'destroyCpupool'
  | 'addCpuToPool'
  | 'removeCpuFromPool'
  | 'moveDomainToPool'
>;

export class Cpupools {
  readonly #xen: XenState;
  readonly #pools = new Map<number, Cpupool>();

  constructor(xen: XenState) {
    this.#xen = xen;
    const cpus = new Set(xen.machine.cpus.map(({ cpu }) => cpu));
    this.#pools.set(0, { scheduler: xen.machine.scheduler, cpus });
  }

  hasCpus(cpupoolId: number): boolean {
    return (this.#pools.get(cpupoolId)?.cpus.size ?? 0) > 0;
  }

  cpusOf(cpupoolId: number): readonly number[] {
    return [...(this.#pools.get(cpupoolId)?.cpus ?? [])].sort((left, right) => left - right);
  }

  verbs(): PoolVerbs {
    return {
      scheduler: () => this.#get(0, 'xc_sched_id').scheduler,
      schedulerShare: (domid) => this.#share(domid),
      setSchedulerShare: (domid, share) => this.#setShare(domid, share),
      cpupools: () => [...this.#pools.keys()].map((id) => this.#info(id)),
      createCpupool: (scheduler) => this.#create(scheduler),
      destroyCpupool: (cpupoolId) => this.#destroy(cpupoolId),
      addCpuToPool: (cpupoolId, cpu) => this.#addCpu(cpupoolId, cpu),
      removeCpuFromPool: (cpupoolId, cpu) => this.#removeCpu(cpupoolId, cpu),
      moveDomainToPool: (domid, cpupoolId) => this.#move(domid, cpupoolId),
    };
  }

  #get(cpupoolId: number, call: string): Cpupool {
    return (
      this.#pools.get(cpupoolId) ?? refuse({ call }, 'ENOENT', `There is no cpupool ${cpupoolId}`)
    );
  }

  #info(cpupoolId: number): CpupoolInfo {
    const { scheduler } = this.#get(cpupoolId, 'xc_cpupool_getinfo');
    const domainCount = this.#domainsOf(cpupoolId).length;
    return { cpupoolId, scheduler, domainCount, cpus: this.cpusOf(cpupoolId) };
  }

  #domainsOf(cpupoolId: number): readonly DomainRecord[] {
    return [...this.#xen.domains.values()].filter((domain) => domain.cpupoolId === cpupoolId);
  }

  #create(scheduler: Scheduler): number {
    const call = 'xc_cpupool_create';
    if (!Object.hasOwn(SCHEDULERS, scheduler)) {
      refuse({ call }, 'EOPNOTSUPP', `Xen has no scheduler ${scheduler}`);
    }
    if (this.#pools.size >= 2 * this.#xen.machine.cpus.length) {
      refuse({ call }, 'ENOSPC', 'There are as many cpupools as there can be');
    }
    const cpupoolId = Math.max(...this.#pools.keys()) + 1;
    this.#pools.set(cpupoolId, { scheduler, cpus: new Set() });
    return cpupoolId;
  }

  #destroy(cpupoolId: number): void {
    const call = 'xc_cpupool_destroy';
    const { cpus } = this.#get(cpupoolId, call);
    if (cpus.size > 0 || this.#domainsOf(cpupoolId).length > 0) {
      refuse({ call }, 'EBUSY', `Cpupool ${cpupoolId} has cpus or domains`);
    }
    this.#pools.delete(cpupoolId);
  }

  #addCpu(cpupoolId: number, cpu: number): void {
    const call = 'xc_cpupool_addcpu';
    const { cpus } = this.#get(cpupoolId, call);
    if (this.#xen.machine.cpus[cpu] === undefined)
      refuse({ call }, 'EINVAL', `There is no cpu ${cpu}`);
    if ([...this.#pools.values()].some((pool) => pool.cpus.has(cpu))) {
      refuse({ call }, 'ENODEV', `Cpu ${cpu} is in a cpupool already`);
    }
    cpus.add(cpu);
  }

  #removeCpu(cpupoolId: number, cpu: number): void {
    const call = 'xc_cpupool_removecpu';
    const { cpus } = this.#get(cpupoolId, call);
    // The first cpu stays where it is.
    if (this.#xen.machine.cpus[cpu] === undefined || (cpupoolId === 0 && cpu === 0)) {
      refuse({ call }, 'EINVAL', `Cpu ${cpu} cannot leave cpupool ${cpupoolId}`);
    }
    if (!cpus.has(cpu)) refuse({ call }, 'EADDRNOTAVAIL', `Cpupool ${cpupoolId} has no cpu ${cpu}`);
    const isInUse = this.#domainsOf(cpupoolId).some((domain) => !domain.isDying);
    if (cpus.size === 1 && isInUse) {
      refuse({ call }, 'EBUSY', `The domains of cpupool ${cpupoolId} need its last cpu`);
    }
    cpus.delete(cpu);
  }

  #move(domid: number, cpupoolId: number): void {
    const call = 'xc_cpupool_movedomain';
    const domain = this.#xen.getOther(domid, call, 'move');
    if (domain.cpupoolId === cpupoolId) return;
    if (!this.hasCpus(cpupoolId)) {
      refuse({ call, domid }, 'ENOENT', `There is no cpupool ${cpupoolId} with cpus`);
    }
    domain.cpupoolId = cpupoolId;
    // Rules of the old pool would leave its vcpus without a cpu (`sched_move_domain`).
    domain.affinities.clear();
  }

  #share(domid: number): SchedulerShare {
    const { domain, scheduler } = this.#sharing(domid, 'get');
    return { scheduler, ...domain.share };
  }

  #setShare(
    domid: number,
    share: { readonly weight?: number; readonly capPercent?: number },
  ): void {
    const { domain, scheduler } = this.#sharing(domid, 'set');
    const { weight = domain.share.weight, capPercent = domain.share.capPercent } = share;
    const place = { call: `xc_sched_${scheduler}_domain_set`, domid };
    checkWhole(weight, { min: 1, max: WEIGHT_MAX, what: 'A weight' }, place);
    const max = PERCENT_PER_CPU * domain.maxVcpus;
    checkWhole(capPercent, { min: 0, max, what: 'A cap in percent' }, place);
    domain.share = { weight, capPercent };
  }

  #sharing(
    domid: number,
    verb: 'get' | 'set',
  ): { readonly domain: DomainRecord; readonly scheduler: 'credit' | 'credit2' } {
    const domain = this.#xen.get(domid, `xc_sched_credit2_domain_${verb}`);
    const { scheduler } = this.#get(domain.cpupoolId, 'xc_cpupool_getinfo');
    if (scheduler === 'credit' || scheduler === 'credit2') return { domain, scheduler };
    const place = { call: `xc_sched_credit2_domain_${verb}`, domid };
    return refuse(place, 'EOPNOTSUPP', `The scheduler ${scheduler} knows no shares`);
  }
}
