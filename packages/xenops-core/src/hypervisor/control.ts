/** Verbs that change how an existing domain runs: resume, triggers, HVM parameters, time, debugging, targets. */
import type { Domid } from '../ids.ts';
import type { Awaitable } from './awaitable.ts';
import type { LongCallOptions } from './specs.ts';

/**
 * What a trigger does to a guest (`XEN_DOMCTL_SENDTRIGGER_*`): `power` and `sleep` press buttons of a hardware container, `nmi` reaches any
 * domain, `s3resume` sets the parameter `acpi-s-state` to 0, as libxl does. Xen on x86 has no `reset` and `init` (HYPERVISOR_NOT_SUPPORTED).
 */
export const TRIGGERS = ['power', 'sleep', 'reset', 'nmi', 'init', 's3resume'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** Parameters of a hardware container with Xen's numbers (xen/include/public/hvm/params.h). */
export const HVM_PARAMS = {
  'callback-irq': 0,
  'store-pfn': 1,
  'store-evtchn': 2,
  'ioreq-pfn': 5,
  'bufioreq-pfn': 6,
  viridian: 9,
  'timer-mode': 10,
  'hpet-enabled': 11,
  'ident-pt': 12,
  'acpi-s-state': 14,
  'vpt-align': 16,
  'console-pfn': 17,
  'console-evtchn': 18,
  'acpi-ioports-location': 19,
  'paging-ring-pfn': 27,
  'monitor-ring-pfn': 28,
  'sharing-ring-pfn': 29,
  'ioreq-server-pfn': 32,
  'nr-ioreq-server-pages': 33,
  'vm-generation-id-addr': 34,
  altp2m: 35,
  'mca-cap': 38,
} as const;
export type HvmParam = keyof typeof HVM_PARAMS;

/** How a guest reads its time stamp counter (`XEN_CPUID_TSC_MODE_*`, docs/man/xen-tscmode). */
export const TSC_MODES = ['default', 'always-emulate', 'native'] as const;
export type TscMode = (typeof TSC_MODES)[number];

/** `xc_domain_get_tsc_info`. */
export interface TscInfo {
  readonly mode: TscMode | `unknown-${number}`;
  readonly elapsedNs: bigint;
  readonly tscKhz: number;
  /** 1 for a domain that was never restored or resumed elsewhere, and one more each time. */
  readonly incarnation: number;
}

export interface DomainControl {
  /**
   * Lets a domain that has shut down for `suspend` run on here (`xc_domain_resume`). Cooperative: the guest sees its
   * suspend call return 1 and keeps its rings; otherwise its state is rebuilt as after a restore. Fails with
   * HYPERVISOR_BAD_ARGUMENT when the domain is not shut down.
   */
  resume(domid: Domid, options: { readonly cooperative: boolean }): Awaitable<void>;
  /** Brings a domain that shut down for `soft-reset` back to the state of a new one, memory kept (`xc_domain_soft_reset`). */
  softReset(domid: Domid): Awaitable<void>;
  /** `xc_domain_send_trigger`. HYPERVISOR_BAD_ARGUMENT for a PV domain, except of `nmi`; HYPERVISOR_NO_DOMAIN when there is no such vcpu. */
  sendTrigger(domid: Domid, trigger: Trigger, vcpu?: number): Awaitable<void>;
  /** `xc_hvm_param_get`. HYPERVISOR_BAD_ARGUMENT for a PV domain. */
  hvmParam(domid: Domid, param: HvmParam): Awaitable<bigint>;
  setHvmParam(domid: Domid, param: HvmParam, value: bigint): Awaitable<void>;
  tscInfo(domid: Domid): Awaitable<TscInfo>;
  /** Only before the domain has run (`xc_domain_set_tsc_info`). */
  setTscMode(domid: Domid, mode: TscMode): Awaitable<void>;
  /** Offset of the guest's wall clock to UTC (`xc_domain_set_time_offset`). */
  setTimeOffset(domid: Domid, offsetSeconds: number): Awaitable<void>;
  /** `xc_domain_setdebugging`: Xen tells the toolstack of breakpoints in place of the guest. */
  setDebugging(domid: Domid, enabled: boolean): Awaitable<void>;
  /** Lets `domid`, a stub domain, do for `target` what its device model does (`xc_domain_set_target`). */
  setTarget(domid: Domid, target: Domid): Awaitable<void>;
  /**
   * Writes an ELF core of the domain's memory to a new file of mode 0600 (`xc_domain_dumpcore_via_callback`). The domain
   * should be paused; Xen has no core of one that was never built, or of a PV guest before it has set up its p2m table (ENODATA).
   * After a failure or an abort the file is gone.
   */
  dumpCore(domid: Domid, filePath: string, options?: LongCallOptions): Promise<void>;
}
