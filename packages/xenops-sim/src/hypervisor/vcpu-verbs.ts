/** Verbs about vcpus. Sets of cpus and nodes are rising lists. */
import type { CpuidLeaf, CpuPolicySpec, VcpuControl } from '@xenops/core/hypervisor';
import { isBusy, type DomainRecord } from './domain-record.ts';
import type { Cpupools } from './cpupools.ts';
import { refuse, type XenState } from './xen-state.ts';

/** The registers of a leaf as libxc takes them (`xc_xend_cpuid`, xenctrl.h). */
const REGISTER_TEXT = /^[01xks]{32}$/;

export function vcpuVerbs(xen: XenState, cpupools: Cpupools): VcpuControl {
  return {
    vcpuInfo(domid, vcpu) {
      const call = 'xc_vcpu_getinfo';
      const domain = xen.get(domid, call);
      if (!isVcpu(domain, vcpu)) {
        refuse({ call, domid }, 'ESRCH', `Domain ${domid} has no vcpu ${vcpu}`);
      }
      const isOnline = vcpu < domain.onlineVcpuCount;
      const [cpu = 0] = affinityOf(xen, domain, vcpu).hard;
      return {
        vcpu,
        online: isOnline,
        blocked: isOnline && domain.isIdle,
        running: isOnline && isBusy(domain),
        // The model does not know which vcpu has worked: the first one has.
        cpuTimeNs: vcpu === 0 ? domain.cpuTimeNs : 0n,
        cpu,
      };
    },
    vcpuAffinity(domid, vcpu) {
      const call = 'xc_vcpu_getaffinity';
      const domain = withVcpu(xen, domid, vcpu, call);
      return affinityOf(xen, domain, vcpu);
    },
    setVcpuAffinity(domid, vcpu, wanted) {
      const call = 'xc_vcpu_setaffinity';
      const domain = withVcpu(xen, domid, vcpu, call);
      const before = affinityOf(xen, domain, vcpu);
      const hard = wanted.hard === undefined ? before.hard : cpuSet(xen, wanted.hard);
      const soft = wanted.soft === undefined ? before.soft : cpuSet(xen, wanted.soft);
      const usable = cpupools.cpusOf(domain.cpupoolId);
      const effective = hard.filter((cpu) => usable.includes(cpu));
      if (effective.length === 0) {
        const message = `Vcpu ${vcpu} of domain ${domid} would have no cpu of its pool to run on`;
        refuse({ call, domid }, 'EINVAL', message);
      }
      domain.affinities.set(vcpu, { hard, soft });
      return { hard: effective, soft: soft.filter((cpu) => effective.includes(cpu)) };
    },
    nodeAffinity(domid) {
      const domain = xen.get(domid, 'xc_domain_node_getaffinity');
      return domain.nodes ?? nodesOfVcpus(xen, domain);
    },
    setNodeAffinity(domid, nodes) {
      const call = 'xc_domain_node_setaffinity';
      const domain = xen.get(domid, call);
      const known = rising(nodes).filter((node) => xen.machine.nodes[node] !== undefined);
      if (known.length === 0) refuse({ call, domid }, 'EINVAL', 'The host has none of these nodes');
      // All nodes is how to say none in particular (`domain_set_node_affinity`, xen/common/domain.c).
      domain.nodes = known.length === xen.machine.nodes.length ? undefined : known;
    },
    applyCpuPolicy(domid, policy) {
      const domain = xen.getOther(domid, 'xc_cpuid_apply_policy', 'choose the processor of');
      checkCpuPolicy(domain, policy);
    },
  };
}

/** Throws HYPERVISOR_BAD_ARGUMENT for a policy that makes no sense, HYPERVISOR_EXISTS when it comes too late. */
export function checkCpuPolicy(domain: DomainRecord, { leaves = [] }: CpuPolicySpec): void {
  const place = { call: 'xc_cpuid_apply_policy', domid: domain.domid };
  const registers = ({ eax, ebx, ecx, edx }: CpuidLeaf): readonly (string | undefined)[] => [
    eax,
    ebx,
    ecx,
    edx,
  ];
  const isRight = leaves.every((leaf) =>
    registers(leaf).every((text) => text === undefined || REGISTER_TEXT.test(text)),
  );
  if (!isRight)
    refuse(place, 'EINVAL', 'A register of a cpuid leaf is 32 characters of 0, 1, x, k, s');
  if (domain.hasRun) {
    refuse(place, 'EEXIST', `Domain ${domain.domid} has run: its processor cannot change any more`);
  }
}

function affinityOf(
  xen: XenState,
  domain: DomainRecord,
  vcpu: number,
): { readonly hard: readonly number[]; readonly soft: readonly number[] } {
  const all = xen.machine.cpus.map(({ cpu }) => cpu);
  return domain.affinities.get(vcpu) ?? { hard: all, soft: all };
}

/** Nodes of the cpus that the vcpus may run on (`domain_update_node_affinity`). */
function nodesOfVcpus(xen: XenState, domain: DomainRecord): readonly number[] {
  const cpus = [...Array(domain.maxVcpus).keys()].flatMap((vcpu) => {
    const { hard, soft } = affinityOf(xen, domain, vcpu);
    return hard.filter((cpu) => soft.includes(cpu));
  });
  return rising(cpus.map((cpu) => xen.machine.cpus[cpu]?.node ?? 0));
}

function withVcpu(xen: XenState, domid: number, vcpu: number, call: string): DomainRecord {
  const domain = xen.get(domid, call);
  if (isVcpu(domain, vcpu)) return domain;
  return refuse({ call, domid }, 'EINVAL', `Domain ${domid} has no vcpu ${vcpu}`);
}

function isVcpu({ maxVcpus }: DomainRecord, vcpu: number): boolean {
  return Number.isInteger(vcpu) && vcpu >= 0 && vcpu < maxVcpus;
}

/** Cpus of the machine among these; others mean nothing to Xen. */
function cpuSet(xen: XenState, cpus: readonly number[]): readonly number[] {
  return rising(cpus).filter((cpu) => xen.machine.cpus[cpu] !== undefined);
}

function rising(numbers: readonly number[]): readonly number[] {
  return [...new Set(numbers)].sort((left, right) => left - right);
}
