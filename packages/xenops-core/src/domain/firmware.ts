import type { XenVersion } from '../hypervisor/hypervisor.ts';

/** Where Debian's packages put what starts an HVM guest: hvmloader comes with Xen, SeaBIOS with its own package. */
export function defaultFirmware({ major, minor }: Pick<XenVersion, 'major' | 'minor'>): {
  readonly loaderPath: string;
  readonly firmwarePath: string;
} {
  return {
    loaderPath: `/usr/lib/xen-${major}.${minor}/boot/hvmloader`,
    firmwarePath: '/usr/share/seabios/bios-256k.bin',
  };
}
