/**
 * A guest that boots in milliseconds, for tests on real Xen. Its README has the words of the command line and the
 * requests.
 *
 * ```ts
 * import { buildTestguest, askTestguest } from 'testguest';
 *
 * await lab.push([await buildTestguest()], { to: '/root' });
 * // ... create a domain from it ...
 * const { stdout } = await lab.exec(askTestguest(domid, 'disk-read 51712 0 8'));
 * ```
 */
export { buildTestguest, TestguestBuildError } from './build.ts';
export type { BuildOptions } from './build.ts';
export { askTestguest, TESTGUEST_UP } from './ask.ts';
