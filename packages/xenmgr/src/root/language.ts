/** The language of user interfaces, a line of a file that they read themselves. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ManagerError } from '../manager/manager-error.ts';
import type { Places } from '../manager/places.ts';
import { readCaps } from './caps.ts';
import { readTrimmed } from '../host/files.ts';

const DEFAULT_LANGUAGE = 'en-us';
const LANGUAGE_LINE = /^LANGUAGE='([A-Za-z-]+)'$/m;

/** The present one. */
export async function readLanguage(places: Places): Promise<string> {
  return LANGUAGE_LINE.exec(await readTrimmed(fileOf(places)))?.[1] ?? DEFAULT_LANGUAGE;
}

/** Those that this edition has. */
export async function supportedLanguages(places: Places): Promise<readonly string[]> {
  const text = (await readCaps(places)).get('supported-languages') ?? '';
  return text.split(/\s+/).filter((language) => language !== '');
}

/** Sets it. Rejects with NO_SUCH_LANGUAGE, IO. */
export async function writeLanguage(places: Places, language: string): Promise<void> {
  if (!(await supportedLanguages(places)).includes(language)) {
    throw new ManagerError('NO_SUCH_LANGUAGE', {
      message: `There is no language ${JSON.stringify(language.slice(0, 40))} here`,
    });
  }
  try {
    await writeFile(fileOf(places), `LANGUAGE='${language}'\n`);
  } catch (cause) {
    throw new ManagerError('IO', { message: 'The language cannot be stored', cause });
  }
}

function fileOf({ config }: Places): string {
  return path.join(config, 'language.conf');
}
