/** `com.citrix.xenclient.xenmgr.config` and its `ui` twin: settings of the manager and of user interfaces. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import {
  ComCitrixXenclientXenmgrConfigDescription,
  ComCitrixXenclientXenmgrConfigUiDescription,
} from '../generated/xenmgr.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { isThere } from '../host/files.ts';
import { readCaps } from './caps.ts';
import { readLanguage, supportedLanguages, writeLanguage } from './language.ts';
import type { Served } from '../objects/object-set.ts';
import { propertyHandlers, type ComputedSource } from '../objects/property-handlers.ts';
import { CONFIG_PROPERTIES, UI_PROPERTIES } from '../properties/properties.ts';

type Source = ComputedSource<undefined>;

/** Both interfaces, at the root. */
export function configInterfaces(manager: Manager): readonly Served[] {
  const common = {
    database: manager.database,
    targetOf: () => undefined,
    nodeOf: () => '',
  };
  return [
    {
      description: ComCitrixXenclientXenmgrConfigDescription,
      implementation: {
        properties: propertyHandlers({
          ...common,
          rows: CONFIG_PROPERTIES,
          computed: configSources(manager),
        }),
      },
    },
    {
      description: ComCitrixXenclientXenmgrConfigUiDescription,
      implementation: {
        properties: propertyHandlers({
          ...common,
          rows: UI_PROPERTIES,
          computed: uiSources(manager),
        }),
      },
    },
  ];
}

function configSources(manager: Manager): Readonly<Record<string, Source>> {
  const cap = (name: string) => async (): Promise<boolean> =>
    (await readCaps(manager.places)).get(name) === 'true';
  return {
    'configurable-save-changes-across-reboots': {
      get: cap('configurable-save-changes-across-reboots'),
    },
    'secondary-gpu-pt': { get: cap('secondary-gpu-pt') },
    'enable-argo-ssh': absenceFlag(manager, 'etc/ssh/argo_not_to_be_run', 'sshd-argo'),
    'enable-ssh': absenceFlag(manager, 'etc/ssh/sshd_not_to_be_run', 'sshd'),
    'enable-dom0-networking': absenceFlag(manager, 'system/dom0-networking-disabled'),
    'use-networking-domain': { get: () => true },
  };
}

/** A flag that is true while a file is not there. A service that reads it at its start is started again. */
function absenceFlag(manager: Manager, file: string, service?: string): Source {
  const { places, run, log, announce } = manager;
  const full = path.join(places.config, file);
  return {
    get: async () => !(await isThere(full)),
    async set(_target, isOn: boolean) {
      if (isOn) await rm(full, { force: true });
      else await writeMark(full);
      announce.configChanged();
      if (service === undefined) return;
      await run('service', [service, 'restart']).catch((error: unknown) => {
        log.log('warn', `The service ${service} was not started again`, error);
      });
    },
  };
}

async function writeMark(file: string): Promise<void> {
  try {
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, '');
  } catch (cause) {
    throw new ManagerError('IO', { message: `${file} cannot be written`, cause });
  }
}

function uiSources({ places, announce }: Manager): Readonly<Record<string, Source>> {
  return {
    'supported-languages': { get: () => supportedLanguages(places) },
    language: {
      get: () => readLanguage(places),
      async set(_target, language: string) {
        await writeLanguage(places, language);
        announce.configChanged();
        announce.languageChanged();
      },
    },
  };
}
