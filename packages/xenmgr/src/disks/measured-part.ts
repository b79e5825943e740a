/**
 * Measured disks: a VM with `measured` starts only when the content of its disks is what somebody has enrolled. Each disk
 * has its SHA-256 at `sha256sum`. A disk that is read-only has to have one; nothing is trusted because it was there first,
 * unless the host is told to learn (`/xenmgr/learn-measurements`). A sum of old, `sha1sum`, is compared once more and
 * then replaced.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { CleanupStack } from '@xenops/core/lifetime';
import type { View } from '../db/view.ts';
import type { LifeService } from '../life/create-life.ts';
import type { LifePart } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostFlag } from '../objects/host-settings.ts';
import { diskSettings, vmSettings, type NumberedSettings } from '../vm-config/vm-settings.ts';
import { keyFolders } from './disk-keys.ts';
import { diskNode } from './disks.ts';
import { openDisk } from './opened-disk.ts';

const LEARN = '/xenmgr/learn-measurements';

/** What is known of a disk. */
interface Sums {
  readonly sha256: string | undefined;
  readonly sha1: string | undefined;
}

/** The part of the measurements. */
export function measuredPart(around: Surroundings, life: () => LifeService): LifePart {
  return {
    name: 'the measurement of disks',
    async check(uuid) {
      const view = around.database.view();
      if (!vmSettings(view, uuid).flag('measured')) return;
      if (hostFlag(view, 'bypass-sha1sum-checks')) return;
      for (const disk of diskSettings(view, uuid)) {
        if (!disk.settings.flag('enabled')) continue;
        try {
          await checkDisk(around, uuid, disk);
        } catch (error) {
          if (error instanceof ManagerError && error.code === 'MEASUREMENT_FAILED') {
            life().post(uuid, { kind: 'measurement-failed', text: error.message });
          }
          throw error;
        }
      }
    },
  };
}

async function checkDisk(
  around: Surroundings,
  uuid: string,
  disk: NumberedSettings,
): Promise<void> {
  const view = around.database.view();
  const known = sumsOf(view, uuid, disk.id);
  const isEnrolled = known.sha256 !== undefined || known.sha1 !== undefined;
  const isLearning = view.read(LEARN) === 'true';
  if (!isEnrolled && disk.settings.text('mode') !== 'r') return;
  if (!isEnrolled && !isLearning) {
    throw new ManagerError('VM_NOT_READY', {
      message: `Disk ${disk.id} of the measured VM ${uuid} has no sum; store its SHA-256 with set_db_key at config.disk.${disk.id}.sha256sum`,
      context: { uuid, disk: disk.id },
    });
  }
  const found = await measure(around, uuid, disk);
  const isSame =
    known.sha256 === undefined
      ? known.sha1 === undefined || known.sha1 === found.sha1
      : known.sha256 === found.sha256;
  if (!isSame) {
    throw new ManagerError('MEASUREMENT_FAILED', {
      message: `Disk ${disk.id} of the VM ${uuid} is not as it was enrolled`,
      context: { uuid, disk: disk.id },
    });
  }
  if (known.sha256 === undefined) await enrol(around, uuid, disk.id, found.sha256);
}

function sumsOf(view: View, uuid: string, id: number): Sums {
  const read = (key: string): string | undefined => {
    const text = view
      .read(`${diskNode(uuid, id)}/${key}`)
      ?.trim()
      .toLowerCase();
    return text === '' ? undefined : text;
  };
  return { sha256: read('sha256sum'), sha1: read('sha1sum') };
}

async function enrol(
  { database, log }: Surroundings,
  uuid: string,
  id: number,
  sha256: string,
): Promise<void> {
  await database.transact((draft) => {
    if (!draft.exists(diskNode(uuid, id))) return;
    draft.write(`${diskNode(uuid, id)}/sha256sum`, sha256);
    draft.rm(`${diskNode(uuid, id)}/sha1sum`);
  });
  log.child({ vm: uuid }).log('warn', `Disk ${id} is enrolled with the SHA-256 ${sha256}`);
}

async function measure(
  around: Surroundings,
  uuid: string,
  { settings }: NumberedSettings,
): Promise<{ readonly sha256: string; readonly sha1: string }> {
  const folders = await keyFolders(around, around.database.view(), uuid);
  await using undo = new CleanupStack();
  const source = await openDisk(around.run, settings, { keyFolders: folders, undo });
  const [sha256, sha1] = [createHash('sha256'), createHash('sha1')];
  try {
    for await (const chunk of createReadStream(source, { highWaterMark: 1 << 20 })) {
      sha256.update(chunk as Buffer);
      sha1.update(chunk as Buffer);
    }
  } catch (cause) {
    throw new ManagerError('IO', { message: `${source} cannot be read to be measured`, cause });
  }
  return { sha256: sha256.digest('hex'), sha1: sha1.digest('hex') };
}
