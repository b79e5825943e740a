/** Files about domains, and drafts that were never finished. Names alone decide; nothing is opened. */
import type { Host } from '../host/host.ts';
import { RUN_FOLDER } from '../host/run-folder.ts';
import { findDomid, vmUuid } from '../ids.ts';
import type { Inspection } from './inspection.ts';

/** libxl's own folder (libxl_dom.c, userdata), and that of its saved images (xl's `xendomains`). */
const XL_FOLDER = '/var/lib/xen';
const XL_IMAGES = `${XL_FOLDER}/save`;
const USERDATA = /^userdata-\w\.(\d{1,5})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[\w-]+$/;
const QMP_SOCKET = /^qmp-(?:libxl|xenops)-(\d{1,5})$/;
/** How a draft of ours ends: the pid of whoever writes it. */
const DRAFT = /\.(\d{1,10})\.(?:part|new)$/;

/** Files that name the domain that they are about. */
export async function listDomainFiles(host: Host): Promise<Inspection['domainFiles']> {
  // The files of this machine are about its own domains; a simulated host has at most a folder of its own.
  const isOwn = host.uri === 'xen:';
  const runFolder = host.services.runFolder ?? (isOwn ? RUN_FOLDER : undefined);
  const [userdata, sockets] = await Promise.all([
    isOwn ? host.services.listFolder(XL_FOLDER) : [],
    runFolder === undefined ? [] : host.services.listFolder(runFolder),
  ]);
  return [
    ...userdata.flatMap((name) => {
      const [, domidText = '', uuid = ''] = USERDATA.exec(name) ?? [];
      const domid = findDomid(domidText);
      if (domid === undefined) return [];
      return [{ filePath: `${XL_FOLDER}/${name}`, domid, uuid: vmUuid(uuid) }];
    }),
    ...sockets.flatMap((name) => {
      const domid = findDomid(QMP_SOCKET.exec(name)?.[1] ?? '');
      return domid === undefined ? [] : [{ filePath: `${runFolder ?? ''}/${name}`, domid }];
    }),
  ];
}

/** Drafts whose process is dead. A pid that another process has by now keeps a draft from being found, never the other way round. */
export async function listDrafts(
  host: Host,
  imageFolders: readonly string[],
): Promise<readonly string[]> {
  const own = host.uri === 'xen:' ? [XL_FOLDER, XL_IMAGES] : [];
  const found = await Promise.all(
    [...new Set([...own, ...imageFolders])].map(async (folder) => {
      const names = await host.services.listFolder(folder);
      const drafts = await Promise.all(
        names.map(async (name) => {
          const pid = DRAFT.exec(name)?.[1];
          if (pid === undefined) return [];
          const isThere = (await host.services.readText(`/proc/${pid}/stat`)) !== undefined;
          return isThere ? [] : [`${folder}/${name}`];
        }),
      );
      return drafts.flat();
    }),
  );
  return found.flat();
}
