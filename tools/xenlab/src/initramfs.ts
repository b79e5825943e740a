// The two initramfs of an image: Dom0's own, which finds the disk, and the guest's, which is the whole guest.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { encodeCpio } from './cpio.ts';
import type { InitramfsEntry } from './cpio.ts';
import { moduleLoadOrder } from './module-order.ts';
import { assetsFolder } from './paths.ts';
import { runProgram } from './process.ts';

const DOM0_MODULES = ['virtio_pci', 'virtio_blk', 'ext4', 'crc32c_generic', 'crc32c_intel'];
const GUEST_MODULES = ['xen-blkfront', 'xen-netfront'];

export interface KernelTree {
  /** A Dom0 root with busybox and the kernel's modules. */
  readonly root: string;
  /** As `uname -r` says it. */
  readonly kernelRelease: string;
}

/** Dom0's initramfs: four modules in place of the forty megabytes that initramfs-tools would pack. */
export async function makeDom0Initramfs(tree: KernelTree): Promise<Buffer> {
  return pack(tree, { modules: DOM0_MODULES, extra: [script('init', 'dom0-init')] });
}

/** The guest: busybox, the Xen front-ends, and scripts for a shutdown that the toolstack asks for. */
export async function makeGuestInitramfs(tree: KernelTree): Promise<Buffer> {
  const shutdown = ['poweroff', 'reboot', 'halt'].map((name) =>
    script(`sbin/${name}`, 'guest-shutdown'),
  );
  return pack(tree, { modules: GUEST_MODULES, extra: [script('init', 'guest-init'), ...shutdown] });
}

async function pack(
  { root, kernelRelease }: KernelTree,
  {
    modules,
    extra,
  }: { readonly modules: readonly string[]; readonly extra: readonly InitramfsEntry[] },
): Promise<Buffer> {
  const modulesFolder = path.join(root, 'lib/modules', kernelRelease);
  const order = moduleLoadOrder(
    readFileSync(path.join(modulesFolder, 'modules.dep'), 'utf8'),
    modules,
  );
  const moduleEntries = await Promise.all(
    order.map(async (file) => {
      const data = await readModule(path.join(modulesFolder, file));
      return { name: path.basename(file).replace(/\.(xz|zst|gz)$/, ''), data };
    }),
  );
  const entries: InitramfsEntry[] = [
    ...['bin', 'sbin', 'dev', 'modules'].map(
      (folder) => ({ kind: 'folder', path: folder }) as const,
    ),
    { kind: 'device', path: 'dev/console', major: 5, minor: 1 },
    {
      kind: 'file',
      path: 'bin/busybox',
      data: readFileSync(path.join(root, 'bin/busybox')),
      executable: true,
    },
    ...moduleEntries.map(
      ({ name, data }) =>
        ({ kind: 'file', path: `modules/${name}`, data, executable: false }) as const,
    ),
    {
      kind: 'file',
      path: 'modules/order',
      data: Buffer.from(moduleEntries.map(({ name }) => `${name}\n`).join('')),
      executable: false,
    },
    ...extra,
  ];
  return gzipSync(encodeCpio(entries), { level: 1 });
}

function script(target: string, asset: string): InitramfsEntry {
  const data = readFileSync(path.join(assetsFolder, 'initramfs', asset));
  return { kind: 'file', path: target, data, executable: true };
}

/** The module's ELF: busybox's insmod does not uncompress. */
async function readModule(file: string): Promise<Buffer> {
  const options = { doing: `reading the kernel module ${file}`, timeoutMs: 30_000 };
  if (file.endsWith('.xz')) return runProgram(['xz', '-dc', file], options);
  if (file.endsWith('.zst')) return runProgram(['zstd', '-dcq', file], options);
  return readFileSync(file);
}
