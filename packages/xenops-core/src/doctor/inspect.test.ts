import { describe, expect, test } from '@jest/globals';
import type { Host } from '../host/host.ts';
import { domid } from '../ids.ts';
import { listDomainFiles, listDrafts } from './inspect-files.ts';
import { listDeviceModels } from './inspect-processes.ts';

const UUID = '00112233-4455-6677-8899-aabbccddeeff';
const STAT = `12 (qemu) S ${Array.from({ length: 50 }, (_, index) => String(index + 4)).join(' ')}`;

/** A machine with these files, as the host that it is or as that of a simulated one. */
function hostWith(uri: string, files: Readonly<Record<string, string>>): Host {
  const paths = Object.keys(files);
  const parts: Pick<Host, 'uri'> & { services: Partial<Host['services']>; store: object } = {
    uri,
    store: { find: async () => undefined },
    services: {
      readText: async (path) => files[path],
      listFolder: async (folder) => [
        ...new Set(
          paths
            .filter((path) => path.startsWith(`${folder}/`))
            .map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''),
        ),
      ],
    },
  };
  // Only these parts are looked at.
  return parts as unknown as Host;
}

const FILES = {
  '/proc/12/cmdline': '/usr/libexec/xen-qemu-system-i386\0-xen-domid\x007\0',
  '/proc/12/stat': STAT,
  '/proc/13/cmdline': '/bin/sh\0',
  '/proc/13/stat': STAT,
  '/run/xen/qmp-libxl-7': '',
  '/run/xen/qmp-libxenstat-7': '',
  [`/var/lib/xen/userdata-d.7.${UUID}.libxl-json`]: '',
  '/var/lib/xen/xenstore': '',
  '/var/lib/xen/save/web.99.part': '',
  '/var/lib/xen/save/mail.12.part': '',
};

describe('what is looked at on the machine', () => {
  test('are its device models, its files about domains, and drafts of dead processes', async () => {
    const host = hostWith('xen:', FILES);
    expect(await listDeviceModels(host, [])).toEqual([
      { domid: 7, process: { pid: 12, startTicks: '22' } },
    ]);
    expect(await listDomainFiles(host)).toEqual([
      { filePath: `/var/lib/xen/userdata-d.7.${UUID}.libxl-json`, domid: 7, uuid: UUID },
      { filePath: '/run/xen/qmp-libxl-7', domid: 7 },
    ]);
    expect(await listDrafts(host, [])).toEqual(['/var/lib/xen/save/web.99.part']);
  });

  test('is nothing for a simulated host, whose domains are none of the machine', async () => {
    const host = hostWith('sim:', FILES);
    expect(await listDeviceModels(host, [domid(7)])).toEqual([]);
    expect(await listDomainFiles(host)).toEqual([]);
    expect(await listDrafts(host, [])).toEqual([]);
  });
});
