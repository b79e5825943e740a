/** Vcpus: what they do, where they may run, what cpu they see. */
import type { VcpuControl } from '@xenops/core/hypervisor';
import { onDomain, onGuest, type Connection, type Verbs } from './connection.ts';
import { cpuPolicyArguments } from './cpu-policy.ts';

export type VcpuVerbs = Verbs<VcpuControl, 'applyCpuPolicy'>;

/** The verbs of `VcpuControl`. */
export function vcpuVerbs(connection: Connection): VcpuVerbs {
  return {
    vcpuInfo: (domid, vcpu) =>
      connection.call(onDomain(`read vcpu ${vcpu} of`, domid, { vcpu }), (xc, addon) =>
        addon.vcpuInfo(xc, domid, vcpu),
      ),
    vcpuAffinity: (domid, vcpu) =>
      connection.call(
        onDomain(`read the affinity of vcpu ${vcpu} of`, domid, { vcpu }),
        (xc, addon) => addon.vcpuAffinity(xc, domid, vcpu),
      ),
    setVcpuAffinity: (domid, vcpu, { hard, soft }) =>
      connection.call(
        onDomain(`set the affinity of vcpu ${vcpu} of`, domid, { vcpu }),
        (xc, addon) => addon.setVcpuAffinity(xc, domid, vcpu, hard, soft),
      ),
    nodeAffinity: (domid) =>
      connection.call(onDomain('read the node affinity of', domid), (xc, addon) =>
        addon.nodeAffinity(xc, domid),
      ),
    setNodeAffinity(domid, nodes) {
      connection.call(onDomain('set the node affinity of', domid), (xc, addon) => {
        addon.setNodeAffinity(xc, domid, nodes);
      });
    },
    async applyCpuPolicy(domid, policy) {
      await connection.run(onGuest('set the cpu policy of', domid), (xc, _, addon) =>
        addon.startApplyCpuPolicy(xc, domid, cpuPolicyArguments(policy)),
      );
    },
  };
}
