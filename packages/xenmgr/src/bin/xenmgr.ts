/** `xenmgr`: the host on D-Bus. */
import { main } from '../daemon/main.ts';

/** For output to be taken and connections to close. */
const LINGER_MS = 1000;

process.exitCode = await main(process.argv.slice(2));
// What is still open by then hangs, and nothing more comes of it.
setTimeout(() => process.exit(), LINGER_MS).unref();
