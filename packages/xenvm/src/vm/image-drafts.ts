/** Halves of images, left by a monitor that was killed while it wrote one. */
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

/** Core writes an image as `NAME.PID.part` and renames it when it is whole (`save-file.ts` there). */
const DRAFT_END = /^\.(?<pid>\d{1,10})\.part$/;

/** Removes those of this image whose process is gone. */
export async function removeDrafts(
  imagePath: string,
  isRunning: (pid: number) => boolean = isProcess,
): Promise<void> {
  const [folder, name] = [path.dirname(imagePath), path.basename(imagePath)];
  // A folder that is gone has none.
  const names = await readdir(folder).catch(() => []);
  for (const found of names) {
    if (!found.startsWith(name)) continue;
    const pid = DRAFT_END.exec(found.slice(name.length))?.groups?.['pid'];
    if (pid !== undefined && !isRunning(Number(pid)))
      await rm(path.join(folder, found), { force: true });
  }
}

function isProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
