/** Images as files: whole or not there. */
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { StreamError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { destroyDomain } from './destroy.ts';
import { resumeSaved, saveDomain, type SaveOptions } from './save.ts';

const DESTROY_TIMEOUT_MS = 120_000;

/**
 * Saves the domain to a file of mode 0600 that appears once it is whole. Afterwards the domain is destroyed (`keep: false`) or runs on
 * (a checkpoint), which a guest that is not cooperative begins anew. Rejects as `saveDomain` and with STREAM_IO; the guest runs on then and there is no new file.
 */
export async function saveDomainFile(
  host: Host,
  domid: Domid,
  filePath: string,
  {
    keep,
    isCooperative,
    ...options
  }: SaveOptions & { readonly keep: boolean; readonly isCooperative?: boolean | undefined },
): Promise<void> {
  const draft = `${filePath}.${process.pid}.part`;
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const file = await open(draft, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, 0o600).catch(
    (cause: unknown) => {
      throw new StreamError('STREAM_IO', {
        message: `The image ${filePath} cannot be made`,
        context: { filePath },
        cause,
      });
    },
  );
  let isSaved = false;
  try {
    await saveDomain(host, domid, file.fd, options);
    isSaved = true;
    await file.sync();
    await file.close();
    await rename(draft, filePath);
    await syncFolder(path.dirname(filePath));
  } catch (error) {
    await file.close().catch(() => undefined);
    await rm(draft, { force: true });
    if (isSaved) await resumeSaved(host, domid, options.deviceModel);
    throw error;
  }
  if (keep) await resumeSaved(host, domid, options.deviceModel, { isCooperative });
  else
    await destroyDomain(host, domid, { timeoutMs: DESTROY_TIMEOUT_MS, clock: host.services.clock });
}

/** Makes a renamed file survive a power cut. */
async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}
