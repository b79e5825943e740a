/** When what is held for the disks of a VM is given back. */
import { stageTimeoutMs } from '../life/deadlines.ts';
import type { HostCall } from './vm-host.ts';
import type { Vm } from './vm.ts';

/** After the end of a domain. The changes of a guest that hibernated are kept for its next boot. Rejects with DOMAIN_LEFTOVERS. */
export async function releaseDisks(
  { host, uuid, facts }: Vm,
  { isKept }: { readonly isKept: boolean },
  call: HostCall,
): Promise<void> {
  await host.releaseDisks(uuid, { isKept: isKept || facts.keepsChanges }, call);
}

/** The same where a failure is only reported: the domain is gone, which is what has to be told. */
export async function giveDisksBack(vm: Vm, fate: { readonly isKept: boolean }): Promise<void> {
  const timeoutMs = stageTimeoutMs('undo', vm.config.current);
  try {
    await releaseDisks(vm, fate, { signal: new AbortController().signal, timeoutMs });
  } catch (error) {
    vm.logger.log('error', 'Cannot give back what the disks of the VM needed', error);
  }
}
