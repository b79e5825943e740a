/** Verbs about vcpus: what they do, where they may run, what cpu they see. Sets of cpus are rising lists of cpu numbers. */
import type { Domid } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';

/** `xc_vcpu_getinfo`. */
export interface VcpuInfo {
  readonly vcpu: number;
  readonly online: boolean;
  readonly blocked: boolean;
  readonly running: boolean;
  readonly cpuTimeNs: bigint;
  /** Where it runs, or last ran. */
  readonly cpu: number;
}

/** Where a vcpu may run: hard is a rule, soft a wish. */
export interface VcpuAffinity {
  readonly hard: readonly number[];
  readonly soft: readonly number[];
}

/** One line of an xl `cpuid` list in libxc's form: for a leaf, 32 characters of `0`, `1`, `x` (default), `k` (keep), `s` for each register. */
export interface CpuidLeaf {
  readonly leaf: number;
  readonly subleaf?: number;
  readonly eax?: string;
  readonly ebx?: string;
  readonly ecx?: string;
  readonly edx?: string;
}

/** What a guest may see of the processor (`xc_cpuid_apply_policy`). */
export interface CpuPolicySpec {
  /** Physical address extension, for PV 32 bit and HVM; on unless said. */
  readonly pae?: boolean;
  /** Invariant time stamp counter; off unless said, because it forbids migration. */
  readonly invariantTsc?: boolean;
  readonly nestedVirt?: boolean;
  readonly leaves?: readonly CpuidLeaf[];
}

export interface VcpuControl {
  /** HYPERVISOR_BAD_ARGUMENT when the domain has no such vcpu; so for the affinity. */
  vcpuInfo(domid: Domid, vcpu: number): Awaitable<VcpuInfo>;
  vcpuAffinity(domid: Domid, vcpu: number): Awaitable<VcpuAffinity>;
  /** Sets what is given and tells what Xen made of it: it may narrow soft to what hard allows, or to the cpupool. */
  setVcpuAffinity(
    domid: Domid,
    vcpu: number,
    affinity: Partial<VcpuAffinity>,
  ): Awaitable<VcpuAffinity>;
  /** NUMA nodes that memory is taken from (`xc_domain_node_getaffinity`). */
  nodeAffinity(domid: Domid): Awaitable<readonly number[]>;
  setNodeAffinity(domid: Domid, nodes: readonly number[]): Awaitable<void>;
  /** Once, before the domain has run; building with a policy does it. */
  applyCpuPolicy(domid: Domid, policy: CpuPolicySpec): Awaitable<void>;
}
