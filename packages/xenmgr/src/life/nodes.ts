/** What the manager says in xenstore, for the switcher, for guests and for other daemons. */
import { DOM0, domid as domidOf, vmUuid } from '@xenops/core/ids';
import type { XenStore } from '@xenops/core/xenstore';
import { applyTreeChange, type NodeWrite, type Permissions } from '@xenops/core/xenstore';
import { domainPath, vmPath } from '@xenops/core/xenstore/path';
import type { View } from '../db/view.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';

/** VMs that run, for the switcher. */
const VMS = '/xenmgr/vms';
/** Starts under way: a manager that finds one after its own start undoes it. */
const STARTING = '/xenmgr/starting';
/** Present from the first start of VMs by themselves until the host goes down. */
const AUTOSTARTED = '/xenmgr/autostarted';
const SNAPSHOT = '/xenmgr/service-vm-snapshot';
/** Guests may read it. */
const READABLE: Permissions = { owner: DOM0, others: 'read', listed: [] };

/** The settings that the switcher shows; a change of one of them is written while the VM runs. */
export const SHOWN_KEYS: readonly string[] = [
  ...['name', 'slot', 'image_path', 'type', 'hidden', 'show-switcher', 'seamless-id'],
];

export class LifeNodes {
  readonly #store: XenStore;

  constructor(store: XenStore) {
    this.#store = store;
  }

  /** The state of a VM inside. */
  async writeState(uuid: string, internal: string): Promise<void> {
    await this.#store.write(statePath(uuid), internal);
  }

  async removeState(uuid: string): Promise<void> {
    await this.#store.rm(statePath(uuid));
  }

  /** What the switcher shows of a running VM. */
  async writeShown(view: View, uuid: string, domid: number): Promise<void> {
    const vm = vmSettings(view, uuid);
    const values: readonly (readonly [string, string])[] = [
      ['domid', String(domid)],
      ['name', vm.text('name')],
      ['slot', vm.text('slot')],
      ['image', vm.text('image-path')],
      ['type', vm.text('type')],
      ['hidden', vm.flag('hidden-in-switcher') ? '1' : '0'],
      ['hide-switcher', vm.flag('show-switcher') ? '0' : '1'],
      ['seamlessid', vm.text('seamless-id')],
    ];
    const write = values.map(([name, value]): NodeWrite => ({
      path: shownPath(uuid, name),
      value,
    }));
    await this.#store.transaction(async (tree) => {
      const isFirst = (await tree.find(VMS)) === undefined;
      const root: NodeWrite = { path: VMS, permissions: READABLE };
      await applyTreeChange(tree, { rm: [], write: [...(isFirst ? [root] : []), ...write] });
    });
  }

  /** Unless it is shown with this domid, which a start in between has given it. */
  async removeShown(uuid: string, nextDomid = -1): Promise<void> {
    await this.#store.transaction(async (tree) => {
      if ((await tree.find(shownPath(uuid, 'domid'))) !== String(nextDomid)) {
        await tree.rm(shownPath(uuid));
      }
    });
  }

  /** VMs that ran when the last manager looked, with their domids. */
  async shown(): Promise<readonly string[]> {
    return this.#children(VMS);
  }

  /** The domid under which a VM was last shown; -1 without one. */
  async shownDomid(uuid: string): Promise<number> {
    const text = await this.#store.find(shownPath(uuid, 'domid'));
    return text !== undefined && /^\d{1,5}$/.test(text) ? Number(text) : -1;
  }

  /** Who carries the networks of those that name nobody. */
  async writeNetworkBackend(domid: number): Promise<void> {
    const write = [
      { path: domainPath(DOM0, 'backend-domid'), value: String(domid), permissions: READABLE },
    ];
    await applyTreeChange(this.#store, { rm: [], write });
  }

  /** A node into which the guest itself writes when it is ready. */
  async makeSentinel(domid: number, sentinel: string): Promise<void> {
    const path = domainPath(domidOf(domid), sentinel);
    const permissions: Permissions = {
      owner: DOM0,
      others: 'none',
      listed: [{ domid: domidOf(domid), access: 'both' }],
    };
    await applyTreeChange(this.#store, { rm: [], write: [{ path, value: '', permissions }] });
  }

  /** How a guest that comes out of an image is told so. */
  async writeSnapshotState(uuid: string, domid: number): Promise<void> {
    const permissions: Permissions = {
      owner: DOM0,
      others: 'none',
      listed: [{ domid: domidOf(domid), access: 'both' }],
    };
    const path = `${SNAPSHOT}/${uuid}/state`;
    await applyTreeChange(this.#store, { rm: [], write: [{ path, value: 'resume', permissions }] });
  }

  async markStarting(uuid: string): Promise<void> {
    await this.#store.write(`${STARTING}/${uuid}`, '');
  }

  async unmarkStarting(uuid: string): Promise<void> {
    await this.#store.rm(`${STARTING}/${uuid}`);
  }

  /** Starts that were under way when the last manager ended. */
  async starting(): Promise<readonly string[]> {
    return this.#children(STARTING);
  }

  /** Whether VMs have been started by themselves since the host booted. */
  async isAutostarted(): Promise<boolean> {
    return (await this.#store.find(AUTOSTARTED)) !== undefined;
  }

  async markAutostarted(): Promise<void> {
    await this.#store.write(AUTOSTARTED, '1');
  }

  async #children(path: string): Promise<readonly string[]> {
    return (await this.#store.find(path)) === undefined ? [] : this.#store.directory(path);
  }
}

function statePath(uuid: string): string {
  return vmPath(vmUuid(uuid), 'state');
}

function shownPath(uuid: string, ...below: readonly string[]): string {
  return [VMS, uuid, ...below].join('/');
}
