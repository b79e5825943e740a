/** A VM of an appliance finds its environment on a CD (`ovf-transport-iso`), made anew for each start. */
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isThere } from '../host/files.ts';
import type { LifePart } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { environmentXml } from './environment.ts';

/** The part of the environment. Needs genisoimage(1). */
export function environmentPart({ database, places, run }: Surroundings): LifePart {
  const imageOf = (uuid: string): string => path.join(places.run, `${uuid}-env.iso`);
  const isWanted = (uuid: string): boolean =>
    vmSettings(database.view(), uuid).flag('ovf-transport-iso');
  return {
    name: 'the OVF environment',
    async facts(uuid) {
      if (!isWanted(uuid)) return {};
      await mkdir(places.run, { recursive: true, mode: 0o700 });
      const folder = await mkdtemp(path.join(places.run, 'env-'));
      try {
        const files = path.join(places.ovfFiles, uuid);
        if (await isThere(files)) await cp(files, folder, { recursive: true });
        await writeFile(path.join(folder, 'ovf-env.xml'), environmentXml(database.view(), uuid));
        const words = ['-quiet', '-J', '-r', '-V', 'OVF ENV', '-o', imageOf(uuid), folder];
        await run('genisoimage', words);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
      return { environmentImage: imageOf(uuid) };
    },
    async gone(uuid) {
      await rm(imageOf(uuid), { force: true });
    },
  };
}
