import { HypervisorError } from '../errors.ts';
import type { FullHypervisor } from '../hypervisor/hypervisor.ts';
import type { Host } from './host.ts';

/** The host's hypervisor with all verbs. Throws HYPERVISOR_NOT_SUPPORTED when it has only the first ones. */
export function fullHypervisor({ hypervisor, uri }: Host): FullHypervisor {
  if ('setPagingPool' in hypervisor && 'saveDomain' in hypervisor) {
    return hypervisor as FullHypervisor;
  }
  throw new HypervisorError('HYPERVISOR_NOT_SUPPORTED', {
    message: `The hypervisor of ${uri} does not have this verb`,
    context: { uri },
  });
}
