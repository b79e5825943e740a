/** What Xen's call is given for a cpu policy. */
import { HypervisorError } from '@xenops/core/errors';
import type { CpuPolicySpec } from '@xenops/core/hypervisor';
import type { AddonCpuPolicy } from './addon-vcpus.ts';

/** For each of 32 bits, highest first: 0, 1, the default, the host's (`k`, `s`). libxc stops at any other in the middle of its work. */
const REGISTER = /^[01xks]{32}$/;

/** The arguments for a cpu policy. Throws HYPERVISOR_BAD_ARGUMENT for a register that is not 32 of the five characters. */
export function cpuPolicyArguments(policy: CpuPolicySpec): AddonCpuPolicy {
  const { pae = true, invariantTsc = false, nestedVirt = false, leaves = [] } = policy;
  for (const { leaf, eax, ebx, ecx, edx } of leaves) {
    const wrong = [eax, ebx, ecx, edx].find((bits) => bits !== undefined && !REGISTER.test(bits));
    if (wrong === undefined) continue;
    throw new HypervisorError('HYPERVISOR_BAD_ARGUMENT', {
      message: 'A register of a cpuid leaf is 32 characters, each of 0, 1, x, k and s',
      context: { leaf, register: wrong },
    });
  }
  return { pae, invariantTsc, nestedVirt, leaves };
}
