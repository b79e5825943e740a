/** What the configuration of a VM needs besides the database, gathered by whoever boots it. */

/** A network as the network daemon knows it. */
export interface NetworkFacts {
  readonly bridge: string;
  readonly isWireless: boolean;
}

/** A PCI device that goes to the VM. */
export interface PciAssignment {
  /** `dddd:bb:ss.f` in hexadecimal. */
  readonly address: string;
  readonly guestSlot?: number;
  readonly msiTranslate?: boolean;
}

export interface BootFacts {
  /** By object path. A NIC on a network that is not here gets no bridge and counts as wired. */
  readonly networks: ReadonlyMap<string, NetworkFacts>;
  /** Domid of the back-end by number of the NIC; Dom0 where there is none. */
  readonly nicBackends: ReadonlyMap<number, number>;
  readonly pciDevices: readonly PciAssignment[];
  /** Addresses of the CD drives of the host, `host:channel:id:lun`. */
  readonly cdDrives: readonly string[];
  /** Directories with disk keys that exist, in the order of search. */
  readonly keyFolders: readonly string[];
  /** Paths of VHD images that do not exist; their disks are left out. */
  readonly missingImages: ReadonlySet<string>;
  /** An image with the OVF environment, which becomes the first disk. */
  readonly environmentImage?: string;
  /** Where the kernel of a PV or PVH VM lies that was taken out of its disk; it wins over a configured one. */
  readonly extractedKernel?: string;
  /** The same for its initial ramdisk. */
  readonly extractedRamdisk?: string;
  /** For a VM with a stub domain: the uuid for that one. */
  readonly stubdomUuid: string;
}
