/** The configurations of a VM, and what follows from the current one: its interfaces with numbers and addresses, its domain. */
import type { VmUuid } from '@xenops/core/ids';
import { resolveNics, type DiskSpec, type Nic, type VmConfig } from '../config/index.ts';
import { installNext, type ConfigSlots } from '../life/config-slots.ts';
import { domainSpec, type DomainSpec } from './domain-spec.ts';

/** What is in a CD drive, in place of what the configuration says. */
export type Medium = Pick<DiskSpec, 'target' | 'type'>;
export type Media = Readonly<Record<string, Medium>>;

export interface ConfigKeeperOptions {
  readonly uuid: VmUuid;
  readonly randomMac: () => string;
  /** Called when a configuration comes into force. */
  readonly configInForce: (config: VmConfig) => void;
}

export class ConfigKeeper {
  readonly #options: ConfigKeeperOptions;
  #slots: ConfigSlots;
  #nics: readonly Nic[] = [];
  /** Of the present guest; it lasts as long as the guest does, in an image too. */
  media: Media = {};
  /** Its disks as they were made ready for it: layers and devices in place of images. */
  ready: readonly DiskSpec[] | undefined;

  constructor(options: ConfigKeeperOptions, config: VmConfig) {
    this.#options = options;
    this.#slots = { current: config };
    this.resolveNics();
  }

  get slots(): ConfigSlots {
    return this.#slots;
  }

  /** The interfaces of the current configuration, with numbers and addresses. */
  get nics(): readonly Nic[] {
    return this.#nics;
  }

  /** The disks of the guest, with the media that are in its drives. */
  get disks(): readonly DiskSpec[] {
    return this.#inserted(this.#slots.current.disks);
  }

  set(slots: ConfigSlots): void {
    this.#slots = slots;
    this.#options.configInForce(slots.current);
  }

  /** The configuration that waits for the next boot counts from here on. */
  install(): void {
    if (this.#slots.next !== undefined) this.set(installNext(this.#slots));
    this.resolveNics();
  }

  /** Once for each boot, so that a drawn address stays as long as the guest. */
  resolveNics(): void {
    this.#nics = this.nicsOf(this.#slots.current);
  }

  /** What the domain is made of, or would be. Throws VM_CONFIG_INCOMPLETE or VM_NOT_SUPPORTED. */
  spec(config: VmConfig = this.#slots.current): DomainSpec {
    const isCurrent = config === this.#slots.current;
    const nics = isCurrent ? this.#nics : this.nicsOf(config);
    const disks = this.#inserted(isCurrent ? (this.ready ?? config.disks) : config.disks);
    return domainSpec({ ...config, disks }, { uuid: this.#options.uuid, nics });
  }

  #inserted(disks: readonly DiskSpec[]): readonly DiskSpec[] {
    return disks.map((disk) => {
      const medium = disk.isCdrom ? this.media[disk.vdev] : undefined;
      return medium === undefined ? disk : { ...disk, ...medium };
    });
  }

  /** Those of a configuration that need not be the current one. */
  nicsOf({ nics }: VmConfig): readonly Nic[] {
    const { uuid, randomMac } = this.#options;
    return resolveNics(nics, { uuid, randomMac });
  }
}
