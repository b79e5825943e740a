/** Diagnostics of guests: asked for by a signal, delivered as one file each into a folder of ours. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withDeadline } from '@xenops/core/lifetime';
import { hasCode } from '@xenops/core/errors';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostNumber } from '../objects/host-settings.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { isUserVm, vmUuids } from '../vms/slots.ts';

const FILES_MAX = 100;
/** Hexadecimal digits of one file. */
const DATA_MAX = 64 * 1024 * 1024;
const MS_PER_SECOND = 1000;

interface Collection {
  readonly folder: string;
  readonly expected: number;
  readonly done: () => void;
  count: number;
}

export class GuestDiagnostics {
  readonly #manager: Manager;
  #isCollecting = false;
  #collection: Collection | undefined;

  constructor(manager: Manager) {
    this.#manager = manager;
  }

  /** Asks all guests with PV drivers and waits for them; gives the folder with what they have sent in time. */
  async save(mode: string): Promise<string> {
    if (this.#isCollecting) {
      throw new ManagerError('VM_WRONG_STATE', {
        message: 'Diagnostics are being collected already',
      });
    }
    this.#isCollecting = true;
    try {
      return await this.#collect(mode);
    } finally {
      this.#isCollecting = false;
      this.#collection = undefined;
    }
  }

  async #collect(mode: string): Promise<string> {
    const { database, places, host, announce } = this.#manager;
    const folder = path.join(places.run, `diagnostics-${randomUUID()}`);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const expected = this.#guests().length;
    if (expected === 0) return folder;
    const timeoutMs = Math.max(hostNumber(database.view(), 'xc-diag-timeout'), 1) * MS_PER_SECOND;
    const what = 'the guests to deliver their diagnostics';
    try {
      await withDeadline({ what }, { timeoutMs, clock: host.services.clock }, async () => {
        await new Promise<void>((done) => {
          this.#collection = { folder, expected, done, count: 0 };
          announce.gatherRequest(mode);
        });
      });
    } catch (error) {
      // Those that have answered are worth having.
      if (!hasCode(error, 'TIMEOUT')) throw error;
    }
    return folder;
  }

  /** Takes the file of a guest. Rejects with NO_DIAGNOSTICS_RUNNING, BAD_VALUE, IO. */
  async gather(name: string, data: string): Promise<void> {
    const collection = this.#collection;
    if (collection === undefined) {
      throw new ManagerError('NO_DIAGNOSTICS_RUNNING', { message: 'Nobody collects diagnostics' });
    }
    const isFine =
      /^[\w][\w.-]{0,99}$/.test(name) &&
      data.length <= DATA_MAX &&
      data.length % 2 === 0 &&
      /^[0-9a-f]*$/i.test(data) &&
      collection.count < FILES_MAX;
    if (!isFine) {
      throw new ManagerError('BAD_VALUE', {
        message: 'A file of diagnostics has a plain name and hexadecimal text',
      });
    }
    try {
      const file = path.join(collection.folder, name);
      await writeFile(file, Buffer.from(data, 'hex'), { flag: 'wx', mode: 0o600 });
    } catch (cause) {
      throw new ManagerError('IO', { message: `The file ${name} cannot be kept`, cause });
    }
    collection.count += 1;
    if (collection.count >= collection.expected) collection.done();
  }

  #guests(): readonly string[] {
    const { database, life } = this.#manager;
    const view = database.view();
    return vmUuids(view).filter(
      (uuid) =>
        isUserVm(view, uuid) && life.isRunning(uuid) && vmSettings(view, uuid).flag('pv-addons'),
    );
  }
}
