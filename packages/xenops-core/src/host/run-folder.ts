import type { HostServices } from './host-services.ts';

/** Xen's own folder of what lives as long as the host runs. */
export const RUN_FOLDER = '/run/xen';

/** Where that is on this host. */
export function runFolderOf({ runFolder = RUN_FOLDER }: HostServices): string {
  return runFolder;
}
