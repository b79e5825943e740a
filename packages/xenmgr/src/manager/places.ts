/** Where things lie on a host. Tests and embedded hosts have folders of their own. */
export interface Places {
  /** The database. */
  readonly database: string;
  /** What lives as long as the host is up, mode 0700: configurations of VMs, kernels, images of environments. */
  readonly run: string;
  /** Templates of VMs: one folder. */
  readonly templates: string;
  /** Images of disks. */
  readonly disks: string;
  /** The file system whose free space counts. */
  readonly storage: string;
  /** Memory images of VMs: nothing else can be one. */
  readonly memoryImages: string;
  /** Where disks of VMs can be mounted. */
  readonly mounts: string;
  /** Files for the OVF environment of VMs, one folder each. */
  readonly ovfFiles: string;
  /** Icons of VMs. */
  readonly icons: string;
  /** Plug-ins of user interfaces. */
  readonly uiPlugins: string;
  /** Settings of the platform that are files: languages, deferred steps of the installation, keys. */
  readonly config: string;
  /** The roots of the kernel's views. */
  readonly proc: string;
  readonly sys: string;
  /** The root of what else is read from the host: `/etc`, `/usr/share`, `/dev`. */
  readonly root: string;
}

/** Those of a Dom0. */
export const SYSTEM_PLACES: Places = {
  database: '/var/lib/xenmgr/db',
  run: '/run/xenmgr',
  templates: '/etc/xenmgr/templates',
  disks: '/storage/disks',
  storage: '/storage',
  memoryImages: '/storage/memory',
  mounts: '/storage/mounts',
  ovfFiles: '/storage/ovffiles',
  icons: '/usr/lib/xui',
  uiPlugins: '/usr/lib/xui/plugins',
  config: '/config',
  proc: '/proc',
  sys: '/sys',
  root: '/',
};

/** The same below a folder of one's own, with the kernel's views of this machine. */
export function placesBelow(folder: string, templates: string): Places {
  return {
    database: `${folder}/db`,
    run: `${folder}/run`,
    templates,
    disks: `${folder}/storage/disks`,
    storage: `${folder}/storage`,
    memoryImages: `${folder}/storage/memory`,
    mounts: `${folder}/storage/mounts`,
    ovfFiles: `${folder}/storage/ovffiles`,
    icons: `${folder}/icons`,
    uiPlugins: `${folder}/plugins`,
    config: `${folder}/config`,
    proc: '/proc',
    sys: '/sys',
    root: `${folder}/root`,
  };
}
