import type { HostServices } from '@xenops/core/host';

/** What `HostServices.startProcess` is given. */
export type ProcessSpec = Parameters<HostServices['startProcess']>[0];
