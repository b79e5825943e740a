/** `com.citrix.xenclient.xenmgr.installer`: steps of the installation that were put off, and the licence text. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import {
  ComCitrixXenclientXenmgrInstallerDescription,
  type ComCitrixXenclientXenmgrInstallerHandlers,
} from '../generated/xenmgr_host.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Places } from '../manager/places.ts';
import type { Served } from '../objects/object-set.ts';
import { isThere, readTrimmed } from './files.ts';

/** Names as they are told, files whose existence puts a step off, and the words by which it is done. */
const STEPS = [
  { name: 'deferred-dom0-password', file: 'deferred_dom0_password', done: 'dom0-password-set' },
  { name: 'deferred-kb-layout', file: 'deferred_kb_layout', done: 'kb-layout-set' },
  { name: 'deferred-accept-eula', file: 'deferred_eula', done: 'eula-accepted' },
  { name: 'deferred-language', file: 'deferred_language', done: 'language-set' },
] as const;

/** Whether all steps are done: VMs start by themselves only then. */
export async function isInstalled({ config }: Pick<Places, 'config'>): Promise<boolean> {
  const open = await Promise.all(STEPS.map(({ file }) => isThere(path.join(config, file))));
  return !open.includes(true);
}

/** The interface. `language` gives the present one. */
export function installerInterface(
  { places }: Pick<Surroundings, 'places'>,
  language: () => Promise<string>,
): Served {
  const methods: ComCitrixXenclientXenmgrInstallerHandlers['methods'] = {
    get_eula: async () => {
      const folder = path.join(places.root, 'usr/share/xenclient');
      for (const name of [`EULA-${await language()}`, 'EULA-en-us', 'EULA']) {
        const text = await readTrimmed(path.join(folder, name));
        if (text !== '') return text;
      }
      return '';
    },
    get_installstate: async () => {
      const states = STEPS.map(async ({ name, file }) => {
        const isOpen = await isThere(path.join(places.config, file));
        return [name, isOpen ? 'True' : 'False'] as const;
      });
      return new Map(await Promise.all(states));
    },
    progress_installstate: async (word) => {
      const step = STEPS.find(({ done }) => done === word);
      if (step === undefined) {
        const words = STEPS.map(({ done }) => done).join(', ');
        throw new ManagerError('BAD_VALUE', { message: `A step is one of ${words}` });
      }
      await rm(path.join(places.config, step.file), { force: true });
    },
  };
  return {
    description: ComCitrixXenclientXenmgrInstallerDescription,
    implementation: { methods },
  };
}
