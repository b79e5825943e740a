/**
 * A real Xen host in about a second.
 *
 * ```ts
 * import { startLab } from 'xenlab';
 *
 * await using lab = await startLab();
 * console.log(await lab.sh('xl list'));
 * ```
 */
export { LabError, TimeoutError } from './errors.ts';
export type { LabErrorCode } from './errors.ts';
export type { ExecOptions, ExecResult } from './execute.ts';
export { getLab, Lab, startLab, startNamedLab } from './lab.ts';
export type { GuestFiles, LabOptions } from './lab.ts';
export { silentProgress, streamProgress } from './progress.ts';
export type { Progress } from './progress.ts';
export type { XenstoredName } from './qemu-command.ts';
export type { ReleaseName } from './releases.ts';
