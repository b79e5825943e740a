/** Verbs that change how an existing domain runs: triggers, HVM parameters, time, debugging, targets. */
import {
  HVM_PARAMS,
  TRIGGERS,
  TSC_MODES,
  type DomainControl,
  type HvmParam,
} from '@xenops/core/hypervisor';
import { checkWhole } from './call-failure.ts';
import { isContainer, type DomainRecord } from './domain-record.ts';
import { refuse, type XenState } from './xen-state.ts';

type SettingsVerbs = Pick<
  DomainControl,
  | 'sendTrigger'
  | 'hvmParam'
  | 'setHvmParam'
  | 'tscInfo'
  | 'setTscMode'
  | 'setTimeOffset'
  | 'setDebugging'
  | 'setTarget'
>;

/** Parameters that keep their first value (`hvm_allow_set_param`, xen/arch/x86/hvm/hvm.c). */
const SET_ONCE: ReadonlySet<HvmParam> = new Set([
  'viridian',
  'ioreq-pfn',
  'bufioreq-pfn',
  'ioreq-server-pfn',
  'nr-ioreq-server-pages',
  'altp2m',
  'mca-cap',
]);

/** What values a parameter may have; everything that is not here is taken as it is. */
const HVM_PARAM_CHECKS: Readonly<Partial<Record<HvmParam, (value: bigint) => boolean>>> = {
  'timer-mode': (value) => value <= 3n,
  // HVMPV_base_freq must be among the features (xen/include/public/hvm/params.h).
  viridian: (value) => (value & 1n) === 1n && value < 0x1000n,
  'acpi-s-state': (value) => value === 0n || value === 3n,
  'acpi-ioports-location': (value) => value <= 1n,
  altp2m: (value) => value <= 3n,
  'nr-ioreq-server-pages': (value) => value >= 1n && value <= 64n,
};
const U64_END = 1n << 64n;

export function settingsVerbs(xen: XenState): SettingsVerbs {
  return {
    ...triggerVerb(xen),
    hvmParam(domid, param) {
      const domain = containerOf(xen, domid, 'xc_hvm_param_get');
      return domain.hvmParams.get(param) ?? 0n;
    },
    setHvmParam: (domid, param, value) => setHvmParam(xen, domid, param, value),
    ...timeVerbs(xen),
    setDebugging(domid, enabled) {
      xen.getOther(domid, 'xc_domain_setdebugging', 'debug').isDebugged = enabled;
    },
    setTarget(domid, target) {
      const call = 'xc_domain_set_target';
      const domain = xen.get(domid, call);
      const other = xen.get(target, call);
      if (domain === other || domain.target !== undefined) {
        refuse({ call, domid }, 'EINVAL', `Domain ${domid} cannot have the target ${target}`);
      }
      if (!isContainer(other)) {
        refuse({ call, domid }, 'EOPNOTSUPP', `Domain ${target} is no hardware container`);
      }
      domain.target = other;
      // Until the stub domain is gone its target is not forgotten.
      other.holderCount += 1;
    },
  };
}

function triggerVerb(xen: XenState): Pick<SettingsVerbs, 'sendTrigger'> {
  return {
    sendTrigger(domid, trigger, vcpu = 0) {
      const call = 'xc_domain_send_trigger';
      const domain = xen.getOther(domid, call, 'trigger');
      const place = { call, domid };
      if (!TRIGGERS.includes(trigger)) refuse(place, 'EINVAL', `There is no trigger ${trigger}`);
      if (vcpu >= domain.maxVcpus) refuse(place, 'ESRCH', `Domain ${domid} has no vcpu ${vcpu}`);
      if (trigger === 'reset' || trigger === 'init') {
        refuse(place, 'ENOSYS', `Xen cannot send the trigger ${trigger}`);
      }
      if (trigger === 'nmi') return;
      if (!isContainer(domain)) {
        refuse(place, 'EINVAL', `Domain ${domid} is no hardware container`);
      }
      if (trigger === 's3resume') setHvmParam(xen, domid, 'acpi-s-state', 0n);
      else xen.tellTriggered(domain, trigger);
    },
  };
}

function setHvmParam(xen: XenState, domid: number, param: HvmParam, value: bigint): void {
  const call = 'xc_hvm_param_set';
  const domain = containerOf(xen, domid, call);
  const place = { call, domid };
  if (!Object.hasOwn(HVM_PARAMS, param)) refuse(place, 'EINVAL', `There is no parameter ${param}`);
  const before = domain.hvmParams.get(param) ?? 0n;
  if (SET_ONCE.has(param) && before !== 0n && before !== value) {
    refuse(place, 'EEXIST', `${param} of domain ${domid} is ${before} for good`);
  }
  const isRight = value >= 0n && value < U64_END && (HVM_PARAM_CHECKS[param]?.(value) ?? true);
  if (!isRight) refuse(place, 'EINVAL', `${param} cannot be ${value}`);
  domain.hvmParams.set(param, value);
  if (param === 'acpi-s-state') xen.tellRunnable(domain);
}

function timeVerbs(xen: XenState): Pick<SettingsVerbs, 'tscInfo' | 'setTscMode' | 'setTimeOffset'> {
  return {
    tscInfo(domid) {
      const { tsc } = xen.getOther(domid, 'xc_domain_get_tsc_info', 'ask for the counter of');
      const { mode, incarnation } = tsc;
      if (mode === 'native') return { mode, incarnation, elapsedNs: 0n, tscKhz: 0 };
      const elapsedMs = Math.max(0, Math.trunc(xen.clock.nowMs() - tsc.sinceMs));
      const elapsedNs = BigInt(elapsedMs) * 1_000_000n;
      return { mode, incarnation, elapsedNs, tscKhz: xen.machine.cpuKhz };
    },
    setTscMode(domid, mode) {
      const call = 'xc_domain_set_tsc_info';
      const domain = xen.getOther(domid, call, 'set the counter of');
      if (!TSC_MODES.includes(mode)) {
        refuse({ call, domid }, 'EINVAL', `There is no mode ${mode} of time stamp counters`);
      }
      domain.tsc = { mode, sinceMs: xen.clock.nowMs(), incarnation: 1 };
    },
    setTimeOffset(domid, offsetSeconds) {
      const call = 'xc_domain_set_time_offset';
      const domain = xen.getOther(domid, call, 'set the clock of');
      const range = { min: -0x7fff_ffff, max: 0x7fff_ffff, what: 'A time offset in seconds' };
      checkWhole(offsetSeconds, range, { call, domid });
      domain.timeOffsetSeconds = offsetSeconds;
    },
  };
}

function containerOf(xen: XenState, domid: number, call: string): DomainRecord {
  const domain = xen.get(domid, call);
  if (isContainer(domain)) return domain;
  return refuse({ call, domid }, 'EINVAL', `Domain ${domid} is no hardware container`);
}
