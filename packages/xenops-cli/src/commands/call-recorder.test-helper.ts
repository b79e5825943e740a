import { HypervisorError } from '@xenops/core/errors';
import type { Host } from '@xenops/core/host';
import { formatPciAddress, type PciAddress } from '@xenops/core/hypervisor';
import { viewOf } from '../host-views/view-of.ts';

/** Calls that change something about hardware, as text, and failures put into them. */
export interface CallRecorder {
  readonly log: string[];
  /** The same host, with its hardware calls recorded. */
  watch(host: Host): Host;
  /** Lets the nth call of this verb from now fail, once. */
  failAt(verb: string, nth: number): void;
}

const RECORDED = /^(assignPci|deassignPci|mapPirq|unmapPirq|set(Ioport|Iomem|Irq)Permission)$/;

export function recordCalls(): CallRecorder {
  const log: string[] = [];
  let fault: { readonly verb: string; nth: number } | undefined;
  return {
    log,
    failAt: (verb, nth) => void (fault = { verb, nth }),
    watch: (host) => ({
      ...host,
      hypervisor: viewOf(host.hypervisor, (verb, args, call) => {
        if (!RECORDED.test(verb)) return call(...args);
        if (fault?.verb === verb && --fault.nth === 0) {
          fault = undefined;
          throw new HypervisorError('HYPERVISOR_CALL_FAILED', { message: `${verb} was made fail` });
        }
        const result = call(...args);
        log.push([verb, ...shownArguments(verb, args)].join(' '));
        return result;
      }),
    }),
  };
}

/** The domid, and which device or whether it is allowed. */
function shownArguments(verb: string, args: readonly unknown[]): readonly string[] {
  const domid = String(args[0]);
  if (verb.endsWith('Pci')) return [domid, formatPciAddress(args[1] as PciAddress)];
  return verb.startsWith('set') ? [domid, String(args[2])] : [domid];
}
