/** `xenvm`: the monitor of one VM, or of many. */
import { connect } from '@xenops/core/connect';
import { main } from '../daemon/main.ts';
import type { VmProvider } from '../daemon/vm-service.ts';
import { openVmProvider } from '../vm/provider.ts';

/** For output to be taken and connections to close. */
const LINGER_MS = 1000;

async function openProvider(uri: string | undefined): Promise<VmProvider> {
  const host = await connect({ uri, xenstoredPath: process.env['XENSTORED_PATH'] });
  try {
    const provider = await openVmProvider(host);
    return {
      findUuid: (configPath) => provider.findUuid(configPath),
      openVm: (options) => provider.openVm(options),
      async [Symbol.asyncDispose]() {
        await provider[Symbol.asyncDispose]();
        await host[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await host[Symbol.asyncDispose]();
    throw error;
  }
}

process.exitCode = await main(process.argv.slice(2), openProvider);
// What is still open by then hangs, and nothing more comes of it.
setTimeout(() => process.exit(), LINGER_MS).unref();
