/** The addon's calls about vcpus (cpp/vcpus.cc). Sets of cpus and nodes are rising lists of their numbers. */
import type { CpuidLeaf, VcpuAffinity, VcpuInfo } from '@xenops/core/hypervisor';
import type { AddonOperation, XcInterface } from './addon-types.ts';

/** Arguments of `xc_cpuid_apply_policy`. */
export interface AddonCpuPolicy {
  readonly pae: boolean;
  readonly invariantTsc: boolean;
  readonly nestedVirt: boolean;
  readonly leaves: readonly CpuidLeaf[];
}

export interface AddonVcpus {
  /** `xc_vcpu_getinfo`. */
  vcpuInfo(xc: XcInterface, domid: number, vcpu: number): VcpuInfo;
  /** `xc_vcpu_getaffinity`, hard and soft. */
  vcpuAffinity(xc: XcInterface, domid: number, vcpu: number): VcpuAffinity;
  /** `xc_vcpu_setaffinity` of what is not undefined; what Xen made of it. */
  setVcpuAffinity(
    xc: XcInterface,
    domid: number,
    vcpu: number,
    hard: readonly number[] | undefined,
    soft: readonly number[] | undefined,
  ): VcpuAffinity;
  /** `xc_domain_node_getaffinity`. */
  nodeAffinity(xc: XcInterface, domid: number): readonly number[];
  /** `xc_domain_node_setaffinity`. */
  setNodeAffinity(xc: XcInterface, domid: number, nodes: readonly number[]): void;
  /** `xc_cpuid_apply_policy`. */
  startApplyCpuPolicy(xc: XcInterface, domid: number, policy: AddonCpuPolicy): AddonOperation<void>;
}

export const VCPUS_ARITY: Readonly<Record<keyof AddonVcpus, number>> = {
  vcpuInfo: 3,
  vcpuAffinity: 3,
  setVcpuAffinity: 5,
  nodeAffinity: 2,
  setNodeAffinity: 3,
  startApplyCpuPolicy: 3,
};
