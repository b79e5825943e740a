/** Filling a domain: from a kernel or firmware. */
import { HypervisorError, type ErrorContext } from '@xenops/core/errors';
import type { BuildSpec, DomainInfo, GuestType, Hypervisor } from '@xenops/core/hypervisor';
import type { Domid } from '@xenops/core/ids';
import type { XcInterface } from './addon.ts';
import { buildArguments } from './build-arguments.ts';
import { onGuest, type Connection, type Deed } from './connection.ts';
import type { KernelCache } from './kernel-cache.ts';

export type BuildVerbs = Pick<Hypervisor, 'buildDomain'>;

/** The verb of `Hypervisor` that fills a domain. */
export function buildVerbs(
  connection: Connection,
  kernelCache: KernelCache | undefined,
): BuildVerbs {
  return {
    async buildDomain(domid, spec, options) {
      const deed = onGuest('build', domid, filesOf(spec));
      return connection.run(
        deed,
        (xc, onStage, addon) => {
          const { maxVcpuId } = guestOf(connection, { xc, domid, deed, guestType: spec.kind });
          const vcpuCount = maxVcpuId + 1;
          const args = buildArguments(spec, { domid, vcpuCount, kernelCache });
          return addon.startBuild(xc, domid, args, onStage);
        },
        options,
      );
    },
  };
}

/**
 * The domain that is to be filled or emptied. Throws HYPERVISOR_NO_DOMAIN, which the libraries do not all tell from other
 * failures, and HYPERVISOR_BAD_ARGUMENT for one of another type.
 */
export function guestOf(
  connection: Connection,
  {
    xc,
    domid,
    deed,
    guestType,
  }: {
    readonly xc: XcInterface;
    readonly domid: Domid;
    readonly deed: Deed;
    readonly guestType?: GuestType;
  },
): DomainInfo {
  const { what, context } = deed;
  const info = connection.findDomain(xc, domid);
  if (info === undefined) {
    const message = `Cannot ${what}: no domain has this domid`;
    throw new HypervisorError('HYPERVISOR_NO_DOMAIN', { message, context });
  }
  if (guestType !== undefined && info.guestType !== guestType) {
    const message = `Cannot ${what} as ${guestType}: it was made as ${info.guestType}`;
    throw new HypervisorError('HYPERVISOR_BAD_ARGUMENT', { message, context });
  }
  return info;
}

function filesOf(spec: BuildSpec): ErrorContext {
  const { kind, memoryKib } = spec;
  const kernelPath = kind === 'hvm' ? spec.loaderPath : spec.kernelPath;
  const ramdiskPath = kind === 'hvm' ? undefined : spec.ramdiskPath;
  const firmwarePath = kind === 'hvm' ? spec.firmwarePath : undefined;
  return {
    kernelPath,
    memoryKib,
    ...(ramdiskPath === undefined ? {} : { ramdiskPath }),
    ...(firmwarePath === undefined ? {} : { firmwarePath }),
  };
}
