// The image, built when its sources have changed and kept beside them under a name made from their digest.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE_FOLDER = fileURLToPath(new URL('..', import.meta.url));
const KERNEL_FOLDER = path.join(PACKAGE_FOLDER, 'kernel');
const BUILD_SCRIPT = 'build.sh';
/** Characters of the digest in a file's name: enough for the few images that are ever built. */
const DIGEST_LENGTH = 16;

export interface BuildOptions {
  /** Where images are kept; the package's `build` when left out. */
  readonly folder?: string;
  readonly signal?: AbortSignal;
}

/** The compiler's complaint is in the message: almost always a missing gcc or libxen-dev. */
export class TestguestBuildError extends Error {
  readonly code = 'TESTGUEST_BUILD_FAILED';

  constructor(message: string, options: ErrorOptions) {
    super(message, options);
    this.name = 'TestguestBuildError';
  }
}

/**
 * The path of the image, an ELF file that boots as PV and as PVH. Needs gcc and libxen-dev when it is not built yet, and
 * then takes about a second; several processes may do so at once.
 *
 * @throws TestguestBuildError
 */
export async function buildTestguest(options: BuildOptions = {}): Promise<string> {
  const { folder = path.join(PACKAGE_FOLDER, 'build'), signal } = options;
  const image = path.join(folder, `testguest-${digestSources()}.elf`);
  if (existsSync(image)) return image;
  mkdirSync(folder, { recursive: true });
  const unfinished = `${image}.${process.pid}`;
  try {
    const script = [path.join(KERNEL_FOLDER, BUILD_SCRIPT), path.resolve(unfinished)];
    await promisify(execFile)('sh', script, signal === undefined ? {} : { signal });
    renameSync(unfinished, image);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw new TestguestBuildError(`Cannot build the test guest: ${describe(error)}`, {
      cause: error,
    });
  }
  return image;
}

function digestSources(): string {
  const hash = createHash('sha256');
  for (const name of readdirSync(KERNEL_FOLDER).sort()) {
    hash.update(`${name}\0`).update(readFileSync(path.join(KERNEL_FOLDER, name)));
  }
  return hash.digest('hex').slice(0, DIGEST_LENGTH);
}

/** What the compiler said, if it was started at all. */
function describe(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error);
  if ('stderr' in error && typeof error.stderr === 'string' && error.stderr !== '') {
    return error.stderr.trim();
  }
  return error instanceof Error ? error.message : 'unknown error';
}
