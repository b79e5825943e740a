/** Sound cards of the host. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Places } from '../manager/places.ts';

type Rows = readonly ReadonlyMap<string, string>[];
type Around = Pick<Surroundings, 'run'>;

const HELPER = '/usr/lib/xen/bin/audio_helper';

/** The cards: keys id and name. */
export async function soundCards({ proc }: Places): Promise<Rows> {
  const text = await readFile(path.join(proc, 'asound/cards'), 'utf8').catch(() => '');
  return [...text.matchAll(/^ *(\d+) \[[^\]]*\]: (.+)$/gm)].map(([, id = '', name = '']) =>
    rowOf({ id, name: name.trim() }),
  );
}

/** The PCM devices that play, or record: keys id, name and card. */
export async function pcmDevices(
  { proc }: Places,
  direction: 'playback' | 'capture',
): Promise<Rows> {
  const text = await readFile(path.join(proc, 'asound/pcm'), 'utf8').catch(() => '');
  return text.split('\n').flatMap((line) => {
    const found = /^(\d+)-(\d+): ([^:]*):/.exec(line);
    if (found === null || !line.includes(`: ${direction} `)) return [];
    const [, card = '', device = '', name = ''] = found;
    return [
      rowOf({
        id: `${Number(card)},${Number(device)}`,
        name: name.trim(),
        card: String(Number(card)),
      }),
    ];
  });
}

/** The controls of a mixer: keys name, direction, type and value. */
export async function soundControls({ run }: Around, card: string): Promise<Rows> {
  const text = await run(HELPER, ['-c', checkedWord('card', card)]);
  return text.split('\n').flatMap((line) => {
    const [name, direction, type, ...value] = line.trim().split(/\s*:\s*|\t+/);
    if (name === undefined || name === '' || direction === undefined || type === undefined)
      return [];
    return [rowOf({ name, direction, type, value: value.join(' ') })];
  });
}

/** The value of a control; empty when the helper says none. */
export async function readControl({ run }: Around, card: string, control: string): Promise<string> {
  const text = await run(HELPER, [
    ...['-c', checkedWord('card', card)],
    ...['sget', checkedWord('control', control)],
  ]);
  return text.trim();
}

/** Sets a control: a share such as `70%`, a switch, or both with a blank between. */
export async function writeControl(
  { run }: Around,
  {
    card,
    control,
    value,
  }: { readonly card: string; readonly control: string; readonly value: string },
): Promise<void> {
  const words = value.split(/\s+/).filter((word) => word !== '');
  const args = [
    checkedWord('control', control),
    ...words.map((word) => checkedWord('value', word)),
  ];
  await run(HELPER, ['-c', checkedWord('card', card), 'sset', ...args]);
}

/** A word that no program takes for an option. */
function checkedWord(what: string, word: string): string {
  if (/^[^-\p{Cc}][^\p{Cc}]{0,199}$/u.test(word)) return word;
  throw new ManagerError('BAD_VALUE', {
    message: `The ${what} is one line, not empty, and does not begin with -`,
  });
}

function rowOf(fields: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(Object.entries(fields));
}
