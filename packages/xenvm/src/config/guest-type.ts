import type { GuestType } from '@xenops/core/hypervisor';
import type { VmConfig } from './vm-config.ts';

/** The type of guest: `type` where it is said, else what `hvm` says. */
export function guestTypeOf({ guestType, hvm }: Pick<VmConfig, 'guestType' | 'hvm'>): GuestType {
  return guestType ?? (hvm ? 'hvm' : 'pv');
}
