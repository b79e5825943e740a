/** How an existing domain runs: resume, triggers, HVM parameters, time, debugging, core dumps. */
import { HVM_PARAMS, TSC_MODES, type DomainControl, type Trigger } from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import { onDomain, onGuest, type Connection, type Verbs } from './connection.ts';

export type ControlVerbs = Verbs<DomainControl, 'resume' | 'softReset' | 'dumpCore'>;

/** `XEN_DOMCTL_SENDTRIGGER_*`; waking from S3 is an HVM parameter in place of a trigger. */
const TRIGGER_NUMBERS = {
  nmi: 0,
  reset: 1,
  init: 2,
  power: 3,
  sleep: 4,
} as const satisfies Record<Exclude<Trigger, 's3resume'>, number>;

/** Value of `HVM_PARAM_ACPI_S_STATE` of a guest that works. */
const ACPI_S0 = 0n;

/** The verbs of `DomainControl`. */
export function controlVerbs(connection: Connection): ControlVerbs {
  const sendTrigger = (domid: Domid, trigger: Trigger, vcpu = 0): void => {
    connection.call(onGuest(`send ${trigger} to`, domid, { vcpu }), (xc, addon) => {
      if (trigger === 's3resume') {
        addon.setHvmParam(xc, domid, HVM_PARAMS['acpi-s-state'], ACPI_S0);
      } else {
        addon.sendTrigger(xc, domid, TRIGGER_NUMBERS[trigger], vcpu);
      }
    });
  };
  return {
    async resume(domid, { cooperative }) {
      await connection.run(onGuest('resume', domid, { cooperative }), (xc, _, addon) =>
        addon.startResumeDomain(xc, domid, cooperative),
      );
    },
    async softReset(domid) {
      await connection.run(onGuest('soft-reset', domid), (xc, _, addon) =>
        addon.startSoftReset(xc, domid),
      );
    },
    sendTrigger,
    hvmParam: (domid, param) =>
      connection.call(onDomain(`read HVM parameter ${param} of`, domid), (xc, addon) =>
        addon.hvmParam(xc, domid, HVM_PARAMS[param]),
      ),
    setHvmParam(domid, param, value) {
      const deed = onGuest(`set HVM parameter ${param} of`, domid, { value: value.toString() });
      connection.call(deed, (xc, addon) => {
        addon.setHvmParam(xc, domid, HVM_PARAMS[param], value);
      });
    },
    tscInfo: (domid) =>
      connection.call(onDomain('read the time stamp counter of', domid), (xc, addon) => {
        const { mode, ...rest } = addon.tscInfo(xc, domid);
        return { mode: TSC_MODES[mode] ?? (`unknown-${mode}` as const), ...rest };
      }),
    setTscMode(domid, mode) {
      connection.call(onGuest('set the TSC mode of', domid, { mode }), (xc, addon) => {
        addon.setTscMode(xc, domid, TSC_MODES.indexOf(mode));
      });
    },
    setTimeOffset(domid, offsetSeconds) {
      connection.call(onGuest('set the clock of', domid, { offsetSeconds }), (xc, addon) => {
        addon.setTimeOffset(xc, domid, offsetSeconds);
      });
    },
    setDebugging(domid, enabled) {
      connection.call(onGuest('set debugging of', domid, { enabled }), (xc, addon) => {
        addon.setDebugging(xc, domid, enabled);
      });
    },
    setTarget(domid, target) {
      connection.call(onGuest('give a target to', domid, { target }), (xc, addon) => {
        addon.setTarget(xc, domid, target);
      });
    },
    async dumpCore(domid, filePath, options) {
      await connection.run(
        onGuest('dump the core of', domid, { filePath }),
        (xc, _, addon) => addon.startDumpCore(xc, domid, filePath),
        options,
      );
    },
  };
}
