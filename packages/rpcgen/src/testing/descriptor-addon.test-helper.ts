import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BUILD = fileURLToPath(new URL('../../native/build.mjs', import.meta.url));

/** Builds the transport for file descriptors; needs a C compiler. */
export function buildDescriptorAddon(): void {
  execFileSync(process.execPath, [BUILD], { stdio: ['ignore', 'ignore', 'inherit'] });
}
