/** The host as a whole: what it has and says, its time left to live, its security policy. */
import { physCapabilities, type Hypervisor } from '@xenops/core/hypervisor';
import { kibFromPages } from '@xenops/core/units';
import { onHost, type Connection, type Verbs } from './connection.ts';

export type HostVerbs = Verbs<
  Pick<Hypervisor, 'version' | 'physInfo' | 'pcpuInfo' | 'consoleRing'>
>;

/** The verbs of `Hypervisor` and `HostControl` about the host. */
export function hostVerbs(connection: Connection): HostVerbs {
  return {
    // It cannot change under us: asked once, on opening.
    version: () => connection.call(onHost('read the version of Xen'), () => connection.version),
    physInfo: () =>
      connection.call(onHost('read what the host has'), (xc, addon) => {
        const { capabilities, totalPages, freePages, scrubPages, outstandingPages, ...cpus } =
          addon.physInfo(xc);
        return {
          ...cpus,
          totalMemoryKib: kibFromPages(totalPages),
          freeMemoryKib: kibFromPages(freePages),
          scrubMemoryKib: kibFromPages(scrubPages),
          outstandingMemoryKib: kibFromPages(outstandingPages),
          capabilities: physCapabilities(capabilities),
        };
      }),
    pcpuInfo: () =>
      connection.call(onHost('read the idle times of the cpus'), (xc, addon) =>
        Array.from(addon.pcpuIdleNs(xc), (idleNs, cpu) => ({ cpu, idleNs })),
      ),
    consoleRing: () =>
      connection.call(onHost("read Xen's console"), (xc, addon) =>
        new TextDecoder().decode(addon.consoleRing(xc)),
      ),
  };
}
