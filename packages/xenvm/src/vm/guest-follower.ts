/**
 * What a guest and its device model tell while they run: nodes of xenstore that the configuration names, and power states. Only nodes of
 * this VM are watched, and only those of its present domain and configuration.
 */
import type { Logger } from '@xenops/core/daemon';
import type { Domid, VmUuid } from '@xenops/core/ids';
import { domainPath, vmPath } from '@xenops/core/xenstore/path';
import { guestTypeOf, type VmConfig } from '../config/index.ts';
import { NOTIFICATION } from '../notify/notification.ts';
import type { VmFacts } from './vm-facts.ts';
import type { VmHost } from './vm-host.ts';

/** The node in which OpenXT's device model and drivers tell the power state. */
const POWER_NODE = 'power-state';

interface FollowerParts {
  readonly uuid: VmUuid;
  readonly host: VmHost;
  readonly facts: VmFacts;
  readonly logger: Logger;
}

type Follow = () => Promise<AsyncDisposable>;

export class GuestFollower implements AsyncDisposable {
  readonly #parts: FollowerParts;
  /** By what is followed. */
  readonly #followed = new Map<string, Promise<AsyncDisposable | undefined>>();

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  /** Follows what this domain and configuration call for, and nothing else any more. */
  sync(domid: Domid | undefined, config: VmConfig): void {
    const wanted = domid === undefined ? new Map<string, Follow>() : this.#wanted(domid, config);
    for (const [key, following] of this.#followed) {
      if (wanted.has(key)) continue;
      this.#followed.delete(key);
      this.#end(following);
    }
    for (const [key, follow] of wanted) {
      if (!this.#followed.has(key)) this.#followed.set(key, this.#begin(key, follow));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#followed.values()];
    this.#followed.clear();
    for (const following of all) await (await following)?.[Symbol.asyncDispose]();
  }

  #wanted(domid: Domid, config: VmConfig): ReadonlyMap<string, Follow> {
    const { host, uuid, facts, logger } = this.#parts;
    const isHvm = guestTypeOf(config) === 'hvm';
    const local = new Set([...config.localWatches, ...(isHvm ? [POWER_NODE] : [])]);
    const node = (path: string, name: string): readonly [string, Follow] => [
      path,
      () =>
        host.followNode(path, {
          tell: (value) => this.#tell(name, value),
          fail: (error) => logger.log('warn', `Changes of ${path} are not noticed any more`, error),
        }),
    ];
    return new Map<string, Follow>([
      ...[...local].map((name) => node(domainPath(domid, name), name)),
      ...config.vmWatches.map((name) => node(vmPath(uuid, name), name)),
      // A device model that is not there yet has nothing to tell.
      ...(isHvm && facts.state !== 'creating-devices'
        ? [
            [
              `power of ${domid}`,
              () => host.followPower(domid, (state) => facts.setPower(state)),
            ] as const,
          ]
        : []),
    ]);
  }

  /** The old forms: a power state when it is a number, any other node with its value, or alone when it is gone. */
  #tell(name: string, value: string | undefined): void {
    const { facts } = this.#parts;
    if (name !== POWER_NODE) {
      facts.notify(NOTIFICATION.trigger, value === undefined ? [name] : [name, value]);
      return;
    }
    if (value !== undefined && /^\d{1,3}$/.test(value)) facts.setPower(Number(value));
  }

  async #begin(key: string, follow: Follow): Promise<AsyncDisposable | undefined> {
    try {
      return await follow();
    } catch (error) {
      this.#parts.logger.log('warn', `Changes of ${key} are not noticed`, error);
      return undefined;
    }
  }

  #end(following: Promise<AsyncDisposable | undefined>): void {
    following
      .then((found) => found?.[Symbol.asyncDispose]())
      .catch((error: unknown) =>
        this.#parts.logger.log('warn', 'Cannot stop watching a node of a guest', error),
      );
  }
}
