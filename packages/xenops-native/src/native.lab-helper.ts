/** A lab where the programs of lab/ run: the workspace is in it, with the addon and the kernels of guests. */
import path from 'node:path';
import { expect } from '@jest/globals';
import { buildTestguest } from 'testguest';
import { startLab, type Lab } from 'xenlab';

/** A first start may have to boot and snapshot a host. */
export const LAB_TIMEOUT_MS = 300_000;
/** One program, on a busy machine. */
export const RUN_TIMEOUT_MS = 1_800_000;

/** Where `pushWorkspace` puts this package's compiled tests. */
const TESTS_FOLDER = '/opt/xenops/packages/xenops-native/dist/lab';
const ADDON_FOLDER = '/opt/xenops/packages/xenops-native/build/Release';
const SANITIZER_FOLDER = '/opt/sanitizer';

/** Another build of the addon, and the libraries that Node must start with for it (test-asan.mjs); none unless that is tested. */
const addon = process.env['XENOPS_TEST_ADDON'];
const sanitizers = process.env['XENOPS_TEST_PRELOAD']?.split(':') ?? [];

export class NativeLab implements AsyncDisposable {
  readonly #lab: Lab;
  readonly #environment: readonly string[];

  private constructor(lab: Lab, testguest: string) {
    this.#lab = lab;
    this.#environment = [
      `GUEST_KERNEL=${lab.guest.vmlinux}`,
      `GUEST_RAMDISK=${lab.guest.initrd}`,
      `TESTGUEST=${testguest}`,
      ...sanitizerEnvironment(),
    ];
  }

  static async start(): Promise<NativeLab> {
    const release = process.env['XENLAB_RELEASE'] === 'trixie' ? 'trixie' : 'bookworm';
    const lab = await startLab({ release });
    await lab.pushWorkspace();
    await pushSanitizers(lab);
    const image = await buildTestguest();
    await lab.push([image], { to: '/var/tmp' });
    return new NativeLab(lab, path.posix.join('/var/tmp', path.basename(image)));
  }

  /** Runs a file of lab/ under Node's own test runner in Dom0, with `NAME=VALUE` in its environment, and sees that no domain stays. */
  async passes(file: string, environment: readonly string[] = []): Promise<void> {
    const before = await this.#lab.sh('xl list | wc -l');
    const node = ['node', '--test', '--test-reporter=spec', `${TESTS_FOLDER}/${file}`];
    const { status, stdout } = await this.#lab.exec({
      argv: ['env', ...this.#environment, ...environment, ...node],
      timeoutMs: RUN_TIMEOUT_MS,
    });
    // The whole report is shown when the status is not 0.
    expect({ status, report: status === 0 ? '' : stdout }).toEqual({ status: 0, report: '' });
    expect(await this.#lab.sh('xl list | wc -l')).toBe(before);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lab[Symbol.asyncDispose]();
  }
}

async function pushSanitizers(lab: Lab): Promise<void> {
  if (addon === undefined) return;
  await lab.push(sanitizers, { to: SANITIZER_FOLDER });
  await lab.push([addon], { to: ADDON_FOLDER });
}

function sanitizerEnvironment(): readonly string[] {
  if (addon === undefined) return [];
  const preload = sanitizers.map((file) => `${SANITIZER_FOLDER}/${path.basename(file)}`);
  return [`LD_PRELOAD=${preload.join(':')}`, 'ASAN_OPTIONS=detect_leaks=0'];
}
