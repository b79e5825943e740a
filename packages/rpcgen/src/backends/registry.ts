import type { Backend } from './backend.ts';
import { c } from './c/backend.ts';
import { haskell } from './haskell/backend.ts';
import { javascript } from './javascript/backend.ts';
import { markdown } from './markdown/backend.ts';
import { python } from './python/backend.ts';
import { ruby } from './ruby/backend.ts';
import { typescript } from './typescript/backend.ts';

/** Every backend, by name: the folders beside this file. */
export const BACKENDS: readonly Backend[] = [
  c,
  haskell,
  javascript,
  markdown,
  python,
  ruby,
  typescript,
];

/** Finds a backend by its name or another name of it. */
export function findBackend(name: string): Backend | undefined {
  const wanted = name.toLowerCase();
  return BACKENDS.find((one) => one.name === wanted || one.aliases.includes(wanted));
}
