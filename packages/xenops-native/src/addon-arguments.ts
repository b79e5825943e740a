/** What Xen's calls are given: the values that libxl 4.17 uses wherever the caller has said nothing. */
import { bytesFromVmUuid } from '@xenops/core/ids';
import type { DomainCreateSpec, GuestType } from '@xenops/core/hypervisor';
import type { AddonCreateSpec } from './addon.ts';

/** Highest event channel port of a guest (`max_event_channels`, docs/man/xl.cfg.5). */
const MAX_EVTCHN_PORT = 1023;
/** Leaves a limit to the hypervisor. */
const HYPERVISOR_DEFAULT = -1;
const MAX_GRANT_VERSION = 2;

/** `XEN_X86_EMU_*`: for HVM all of them but VPCI (libxl 4.17, `libxl__arch_domain_prepare_config`). */
const EMULATION_FLAGS: Readonly<Record<GuestType, number>> = { pv: 0, pvh: 0x001, hvm: 0x3ff };

/** The arguments for creating a domain. */
export function createArguments(spec: DomainCreateSpec): AddonCreateSpec {
  const isContainer = spec.guestType !== 'pv';
  return {
    handle: bytesFromVmUuid(spec.uuid),
    domid: spec.domid,
    ssidref: spec.ssidref ?? 0,
    hvm: isContainer,
    hap: isContainer && (spec.hap ?? true),
    iommu: spec.iommu ?? false,
    nestedVirt: spec.nestedVirt ?? false,
    vpmu: spec.vpmu ?? false,
    maxVcpus: spec.maxVcpus,
    maxEvtchnPort: spec.maxEvtchnPort ?? MAX_EVTCHN_PORT,
    maxGrantFrames: spec.maxGrantFrames ?? HYPERVISOR_DEFAULT,
    maxMaptrackFrames: spec.maxMaptrackFrames ?? HYPERVISOR_DEFAULT,
    maxGrantVersion: spec.maxGrantVersion ?? MAX_GRANT_VERSION,
    cpupoolId: spec.cpupoolId ?? 0,
    emulationFlags: EMULATION_FLAGS[spec.guestType],
  };
}
