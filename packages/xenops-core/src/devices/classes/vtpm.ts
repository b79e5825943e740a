/** Virtual TPMs, served by a stub domain of their own (docs/misc/vtpm-platforms.txt). */
import type { Domid, VmUuid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

export interface VtpmConfig {
  readonly devid: number;
  readonly backendDomid: Domid;
  /** Which of its TPMs. */
  readonly uuid: VmUuid;
}

/** Describes a TPM. */
export function describeVtpm(
  frontend: Domid,
  { devid, backendDomid, uuid }: VtpmConfig,
): DeviceDescription {
  return {
    address: { frontend, kind: 'vtpm', devid, backend: backendDomid, backendKind: 'vtpm' },
    backend: 'program',
    backendKeys: { handle: String(devid), uuid, resume: 'False' },
    frontendKeys: { handle: String(devid) },
    hotplug: { kind: 'none' },
  };
}
