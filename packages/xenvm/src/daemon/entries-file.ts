/** Which VMs `xenvm serve` had when it ended, however it ended: a file beside the sockets, gone with the next boot as the domains are. */
import path from 'node:path';
import { nodeHostServices } from '@xenops/core/host';
import { vmUuid } from '@xenops/core/ids';
import { isJsonObject, itemsOf, parseJson, textOf } from '../rpc/json-text-codec.ts';
import type { VmEntry } from './vm-set.ts';

/** See the module comment. */
export class EntriesFile {
  readonly #path: string;
  #writing: Promise<void> = Promise.resolve();

  constructor(socketFolder: string) {
    this.#path = path.join(socketFolder, 'served.json');
  }

  /** What was written last; nothing without a file. Rejects with CONFIG_BAD_VALUE or PROTOCOL_REMOTE for a damaged one. */
  async read(): Promise<readonly VmEntry[]> {
    const text = await nodeHostServices.readText(this.#path);
    const entries = text === undefined ? [] : itemsOf(parseJson(text));
    return entries.filter(isJsonObject).map(({ uuid, config }) => ({
      uuid: vmUuid(textOf(uuid)),
      configPath: typeof config === 'string' ? config : undefined,
    }));
  }

  /** Writes, one after the other. */
  async write(entries: readonly VmEntry[]): Promise<void> {
    const text = JSON.stringify(
      entries.map(({ uuid, configPath = null }) => ({ uuid, config: configPath })),
    );
    const written = this.#writing.then(() => nodeHostServices.writePrivateFile(this.#path, text));
    this.#writing = written.catch(() => undefined);
    await written;
  }
}
