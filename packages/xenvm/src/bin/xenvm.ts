/** `xenvm`: the monitor of one VM, or of many. */
import { connect } from '@xenops/core/connect';
import { HeapTidier } from '../daemon/heap-tidier.ts';
import { main } from '../daemon/main.ts';
import type { VmProvider } from '../daemon/vm-service.ts';
import { openVmProvider } from '../vm/provider.ts';

/** For output to be taken and connections to close. */
const LINGER_MS = 1000;

async function openProvider(uri: string | undefined): Promise<VmProvider> {
  const host = await connect({ uri, xenstoredPath: process.env['XENSTORED_PATH'] });
  const tidier = new HeapTidier(host.services.clock);
  try {
    const provider = await openVmProvider(host, { onWorkEnd: () => tidier.noteWork() });
    return {
      findUuid: (configPath) => provider.findUuid(configPath),
      openVm: (options) => {
        tidier.noteWork();
        return provider.openVm(options);
      },
      async [Symbol.asyncDispose]() {
        await provider[Symbol.asyncDispose]();
        tidier[Symbol.dispose]();
        await host[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

// Without top-level await this file can be bundled as CommonJS.
void main(process.argv.slice(2), openProvider).then((status) => {
  process.exitCode = status;
  // What is still open by then hangs, and nothing more comes of it.
  setTimeout(() => process.exit(), LINGER_MS).unref();
});
