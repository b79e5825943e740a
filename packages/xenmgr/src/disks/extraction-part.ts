/** Kernels and ramdisks that VMs keep in their own disks: taken out anew for each start. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { LifePart } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { extractFile, parseExtraction } from './extraction.ts';

/** The part of the extraction. */
export function extractionPart(around: Surroundings): LifePart {
  const { database, places } = around;
  const fileOf = (uuid: string, what: string): string => path.join(places.run, `${uuid}-${what}`);
  const extract = async (uuid: string, what: string): Promise<string | undefined> => {
    const text = vmSettings(database.view(), uuid).text(`${what}-extract`);
    if (text === '') return undefined;
    await mkdir(places.run, { recursive: true, mode: 0o700 });
    await extractFile(around, uuid, parseExtraction(text), fileOf(uuid, what));
    return fileOf(uuid, what);
  };
  return {
    name: 'the extraction of kernels',
    async facts(uuid) {
      if (vmSettings(database.view(), uuid).text('virt-type') === 'hvm') return {};
      const extractedKernel = await extract(uuid, 'kernel');
      const extractedRamdisk = await extract(uuid, 'initrd');
      return {
        ...(extractedKernel === undefined ? {} : { extractedKernel }),
        ...(extractedRamdisk === undefined ? {} : { extractedRamdisk }),
      };
    },
    async gone(uuid) {
      for (const what of ['kernel', 'initrd']) await rm(fileOf(uuid, what), { force: true });
    },
  };
}
