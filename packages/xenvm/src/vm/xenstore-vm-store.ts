/** Records in xenstore, below a folder that Dom0 alone can read: they live as long as the domains do. */
import { DOM0, type VmUuid } from '@xenops/core/ids';
import { listChildren, ownedBy, type XenStore } from '@xenops/core/xenstore';
import { VM_RECORDS_PATH, vmRecordPath } from '@xenops/core/xenstore/path';
import type { VmRecord, VmStore } from './vm-store.ts';

/** Part of a text that fits in one message to xenstored (XENSTORE_PAYLOAD_MAX) beside its path. */
const CHUNK_BYTES = 3072;
/** Layout of the records; one of another version is not read. */
const VERSION = 1;

export class XenstoreVmStore implements VmStore {
  readonly #store: XenStore;
  /** How many parts the record has of each VM that was saved here; nobody else writes it. Not known while transactions are under way. */
  readonly #partCounts = new Map<VmUuid, number>();
  #underWayCount = 0;

  constructor(store: XenStore) {
    this.#store = store;
  }

  async load(uuid: VmUuid): Promise<VmRecord | undefined> {
    const chunks = await this.#store.transaction(async (tree) => {
      const names = await listChildren(tree, vmRecordPath(uuid));
      return Promise.all(names.map((_name, index) => tree.find(vmRecordPath(uuid, index))));
    });
    if (chunks.length === 0) return undefined;
    return decodeRecord(chunks.join(''));
  }

  async save(uuid: VmUuid, record: VmRecord): Promise<void> {
    const text = encodeRecord(record);
    const count = Math.ceil(text.length / CHUNK_BYTES);
    if (count === 1 && this.#partCounts.get(uuid) === 1) {
      // A transaction takes five requests, and those of all VMs take turns.
      await this.#store.write(vmRecordPath(uuid, 0), text);
      return;
    }
    this.#partCounts.delete(uuid);
    this.#underWayCount += 1;
    try {
      await this.#writeParts(uuid, text, count);
    } finally {
      this.#underWayCount -= 1;
    }
    if (this.#underWayCount === 0) this.#partCounts.set(uuid, count);
  }

  async remove(uuid: VmUuid): Promise<void> {
    this.#partCounts.delete(uuid);
    await this.#store.rm(vmRecordPath(uuid));
  }

  async #writeParts(uuid: VmUuid, text: string, count: number): Promise<void> {
    await this.#store.transaction(async (tree) => {
      const root = vmRecordPath(uuid);
      if ((await tree.find(root)) === undefined) {
        // Before anything secret is below: children inherit from it.
        for (const path of [VM_RECORDS_PATH, root]) {
          await tree.mkdir(path);
          await tree.setPermissions(path, ownedBy(DOM0));
        }
      }
      for (let index = 0; index < count; index += 1) {
        await tree.write(
          vmRecordPath(uuid, index),
          text.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES),
        );
      }
      for (const name of await listChildren(tree, root)) {
        if (Number(name) >= count) await tree.rm(vmRecordPath(uuid, name));
      }
    });
  }
}

/** Only ASCII: a character then is a byte, wherever the text is cut. */
function encodeRecord(record: VmRecord): string {
  return JSON.stringify({ version: VERSION, ...record }).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Undefined for a record of another version, or one that is damaged: the VM is then found by what Xen says alone. */
function decodeRecord(text: string): VmRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isOurs =
      typeof value === 'object' &&
      value !== null &&
      'version' in value &&
      value.version === VERSION &&
      'state' in value &&
      'current' in value &&
      'quickEnds' in value;
    // Written by encodeRecord of this version, where only Dom0 writes.
    return isOurs ? (value as unknown as VmRecord) : undefined;
  } catch {
    return undefined;
  }
}
