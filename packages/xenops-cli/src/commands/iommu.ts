import { ConfigError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';

/** Rejects with CONFIG_BAD_VALUE on a host where no PCI device can be given to a guest. */
export async function assertIommu({ hypervisor }: Host): Promise<void> {
  const { capabilities } = await hypervisor.physInfo();
  if (capabilities.includes('directio')) return;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message:
      'Guests can be given no PCI devices here: Xen has no IOMMU (the machine lacks one, its firmware hides it, or Xen was told iommu=off)',
  });
}
