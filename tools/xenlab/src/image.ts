// An image: Xen, Dom0's kernel and disk, and the key to log in. Made once per set of inputs, never changed after.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { findKernelPayload } from './bzimage.ts';
import { cacheKey } from './cache-key.ts';
import { digestFiles } from './digest-files.ts';
import {
  customiseRoot,
  GUEST_FOLDER,
  installDebian,
  readDebianSources,
  readKernelRelease,
} from './dom0-root.ts';
import { LabError } from './errors.ts';
import { BUILD_TOOLS, ensureHostTools } from './host-tools.ts';
import { makeDom0Initramfs, makeGuestInitramfs } from './initramfs.ts';
import { readRecords } from './lab-record.ts';
import { holdLock } from './lock.ts';
import { assetsFolder, cacheFolder } from './paths.ts';
import { runProgram } from './process.ts';
import type { Progress } from './progress.ts';
import { dom0Packages } from './releases.ts';
import type { Release } from './releases.ts';

/** Raised when the code of this file or of what it calls makes another image from the same inputs. */
const IMAGE_FORMAT = 1;
const DISK_SIZE = '8G';

export interface Image {
  readonly release: Release;
  readonly folder: string;
}

export interface BuildOptions {
  readonly force?: boolean;
  readonly progress: Progress;
  readonly signal?: AbortSignal | undefined;
}

/** The image of a release, from the cache or built now, which takes a few minutes and needs root. */
export async function ensureImage(release: Release, options: BuildOptions): Promise<Image> {
  const image = locateImage(release);
  if (options.force !== true && existsSync(image.folder)) return image;
  mkdirSync(imagesFolder(), { recursive: true, mode: 0o700 });
  await using _lock = await holdLock(path.join(imagesFolder(), `${release.name}.lock`), options);
  if (options.force !== true && existsSync(image.folder)) return image;
  await build(image, options);
  pruneImages(release);
  return image;
}

/** Removes the images of a release that neither the present inputs nor a lab ask for; returns their folders. */
export function pruneImages(release: Release): readonly string[] {
  const current = locateImage(release).folder;
  const used = new Set(readRecords().map(({ record }) => record.imageFolder));
  const stale = readdirSync(imagesFolder(), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name.startsWith(`${release.name}-`))
    .map((entry) => path.join(imagesFolder(), entry.name))
    .filter((folder) => folder !== current && !used.has(folder));
  for (const folder of stale) rmSync(folder, { recursive: true });
  return stale;
}

function imagesFolder(): string {
  return path.join(cacheFolder(), 'images');
}

function locateImage(release: Release): Image {
  const key = cacheKey({
    format: IMAGE_FORMAT,
    release: release.name,
    packages: dom0Packages(release),
    sources: readDebianSources(release.name),
    node: process.version,
    assets: digestFiles(assetsFolder, readdirSync(assetsFolder)),
  });
  return { release, folder: path.join(imagesFolder(), `${release.name}-${key}`) };
}

async function build(image: Image, { progress, signal }: BuildOptions): Promise<void> {
  const { release } = image;
  if (process.getuid?.() !== 0) {
    throw new LabError('LAB_HOST_UNSUITABLE', {
      message: `The image of Debian ${release.name} is not built yet, and building it needs root`,
    });
  }
  await ensureHostTools(BUILD_TOOLS, progress);
  // The lock is ours, so whatever is here was left by a build that was killed.
  const unfinished = path.join(imagesFolder(), `.new-${release.name}`);
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  const root = path.join(unfinished, 'root');
  const keyFile = path.join(unfinished, 'id_ed25519');
  progress.stage(`Installing Debian ${release.name} with Xen ${release.xenVersion} (minutes)`);
  await runProgram(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'xenlab', '-f', keyFile], {
    doing: 'making the key of the image',
    timeoutMs: 60_000,
  });
  await installDebian(release, { root, logFile: path.join(unfinished, 'install.log'), signal });
  progress.stage('Configuring Dom0');
  await customiseRoot(root, { publicKey: readFileSync(`${keyFile}.pub`, 'utf8') });
  const hostKey = readFileSync(path.join(root, 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8');
  writeFileSync(path.join(unfinished, 'known_hosts'), `xenlab ${hostKey}`);
  await addKernels(unfinished, { root, release });
  progress.stage("Making Dom0's disk");
  const disk = path.join(unfinished, 'disk.img');
  await runProgram(
    ['mke2fs', '-q', '-t', 'ext4', '-m', '0', '-L', 'dom0', '-d', root, disk, DISK_SIZE],
    {
      doing: "making Dom0's disk",
      timeoutMs: 600_000,
    },
  );
  rmSync(root, { recursive: true });
  rmSync(image.folder, { recursive: true, force: true });
  renameSync(unfinished, image.folder);
  progress.end();
}

async function addKernels(
  folder: string,
  { root, release }: { readonly root: string; readonly release: Release },
): Promise<void> {
  const kernelRelease = readKernelRelease(root);
  const tree = { root, kernelRelease };
  const bzImage = readFileSync(path.join(root, 'boot', `vmlinuz-${kernelRelease}`));
  const vmlinux = await uncompressKernel(bzImage);
  const hypervisor = readFileSync(path.join(root, 'boot', `xen-${release.xenVersion}-amd64.gz`));
  writeFileSync(path.join(folder, 'xen'), gunzipSync(hypervisor));
  writeFileSync(path.join(folder, 'vmlinux'), vmlinux);
  writeFileSync(path.join(folder, 'dom0-initrd'), await makeDom0Initramfs(tree));
  const guest = path.join(root, GUEST_FOLDER);
  mkdirSync(guest, { recursive: true });
  writeFileSync(path.join(guest, 'vmlinuz'), bzImage);
  writeFileSync(path.join(guest, 'vmlinux'), vmlinux);
  writeFileSync(path.join(guest, 'initrd.cpio.gz'), await makeGuestInitramfs(tree));
}

async function uncompressKernel(bzImage: Buffer): Promise<Buffer> {
  const { compression, data } = findKernelPayload(bzImage);
  return runProgram([compression, '-dc'], {
    stdin: data,
    doing: 'uncompressing the kernel',
    timeoutMs: 60_000,
  });
}
