/** The mark by which Windows drivers of OpenXT find Argo, once v4v; the feature itself is the hypervisor's. */
import { DOM0, type Domid } from '../../ids.ts';
import type { DeviceDescription } from '../device.ts';

/** Describes the mark: nodes that nobody serves. */
export function describeArgo(frontend: Domid): DeviceDescription {
  return {
    address: { frontend, kind: 'v4v', devid: 0, backend: DOM0, backendKind: 'v4v' },
    backend: 'none',
    backendKeys: {},
    frontendKeys: {},
    hotplug: { kind: 'none' },
  };
}
