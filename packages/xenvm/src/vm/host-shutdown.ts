/** Asking a guest to go down: its drivers where it has some, else the power button. */
import { getDomain, requestShutdown } from '@xenops/core/domain';
import { hasCode } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import type { Domid } from '@xenops/core/ids';
import { VmError } from '../life/vm-error.ts';
import type { HostCall } from './vm-host.ts';

/** Rejects with VM_NOT_LISTENING when the guest does not acknowledge, VM_NOT_SUPPORTED when nothing in it could. */
export async function askToGoDown(
  host: Host,
  domid: Domid,
  request: 'halt' | 'reboot',
  { signal, timeoutMs, wakeUp }: HostCall & { readonly wakeUp: () => Promise<void> },
): Promise<void> {
  const { guestType, shutdown } = await getDomain(host, domid);
  // It went down by itself, which is as good.
  if (shutdown) return;
  if (guestType === 'hvm') {
    await wakeUp();
    if ((await host.hypervisor.hvmParam(domid, 'callback-irq')) === 0n) {
      await pressPower(host, domid, request);
      return;
    }
  }
  try {
    const word = request === 'halt' ? 'poweroff' : 'reboot';
    const { clock } = host.services;
    await requestShutdown(host, domid, word, { signal, timeoutMs, clock });
  } catch (cause) {
    if (!hasCode(cause, 'TIMEOUT')) throw cause;
    throw new VmError('VM_NOT_LISTENING', {
      message: `The guest did not react to the ${request} request within ${timeoutMs / 1000} s`,
      context: { request, domid },
      cause,
    });
  }
}

async function pressPower(
  { hypervisor }: Host,
  domid: Domid,
  request: 'halt' | 'reboot',
): Promise<void> {
  if (request === 'halt') {
    await hypervisor.sendTrigger(domid, 'power');
    return;
  }
  throw new VmError('VM_NOT_SUPPORTED', {
    message:
      'The guest has no drivers that could reboot it on request; it can be rebooted by force',
    context: { what: 'reboot without drivers' },
  });
}
