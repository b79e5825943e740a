/**
 * Templates of VMs: JSON files with the layout of a VM in the database, in one folder per flavour. The prefix of a
 * file's name says what the template is for. A few keys are about the template and never become settings of a VM.
 */
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@xenops/core/errors';
import { nodeFromValue } from '../db/tree-json.ts';
import type { TreeNode } from '../db/tree.ts';

/** The folder of the templates that come with this package. */
export const BUILT_IN_FOLDER: string = fileURLToPath(
  new URL('../../templates/default', import.meta.url),
);

const SUFFIX = '.json';
/** Keys about the template itself. */
const TEMPLATE_KEYS = ['ui-selectable', 'description', 'parent-override'];

export type TemplateKind = 'user' | 'service' | 'child';

/** A template, read and checked as far as its form goes. */
export interface Template {
  /** The name of its file, without `.json`. */
  readonly name: string;
  readonly kind: TemplateKind;
  /** User interfaces offer it. */
  readonly isSelectable: boolean;
  readonly description: string;
  /** What the VM is made of, as JSON. */
  readonly settings: JsonObject;
  /** For a child: what is merged into its parent. */
  readonly parentOverride: JsonObject | undefined;
}

/** A JSON value, and an object of such. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** What the prefix of a name says. */
export function templateKind(name: string): TemplateKind {
  if (name.startsWith('service-')) return 'service';
  return name.startsWith('child-') ? 'child' : 'user';
}

/** The names of the templates in a folder, in alphabetical order. */
export async function listTemplates(folder: string): Promise<readonly string[]> {
  const files = await readdir(folder);
  return files
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length))
    .sort();
}

/** Reads a template. Throws CONFIG_BAD_VALUE for a name that is no template, or a file that is none. */
export async function readTemplate(folder: string, name: string): Promise<Template> {
  if (!(await listTemplates(folder)).includes(name)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `There is no template ${JSON.stringify(name)}`,
      context: { folder },
    });
  }
  return parseTemplate(name, await readFile(path.join(folder, `${name}${SUFFIX}`), 'utf8'));
}

/** A template from its text. Throws CONFIG_BAD_VALUE when that is no JSON object. */
export function parseTemplate(name: string, text: string): Template {
  const all = parseJsonObject(`the template ${name}`, text);
  const settings = Object.fromEntries(
    Object.entries(all).filter(([key]) => !TEMPLATE_KEYS.includes(key)),
  );
  const override = all['parent-override'];
  return {
    name,
    kind: templateKind(name),
    isSelectable: all['ui-selectable'] === 'true' || all['ui-selectable'] === true,
    description: typeof all['description'] === 'string' ? all['description'] : '',
    settings,
    parentOverride: isJsonObject(override) ? override : undefined,
  };
}

/** A JSON object from a text of somebody else. Throws CONFIG_BAD_VALUE, with what the text was to be. */
export function parseJsonObject(what: string, text: string): JsonObject {
  let value: JsonValue | undefined;
  let cause: unknown;
  // Where the text is wrong: a caller on the bus gets the message alone.
  let why = '';
  try {
    // Every value that JSON.parse gives is of this type.
    value = JSON.parse(text) as JsonValue;
  } catch (error) {
    cause = error;
    why = error instanceof Error ? `: ${error.message}` : '';
  }
  if (isJsonObject(value)) return value;
  throw new ConfigError('CONFIG_BAD_VALUE', {
    message: `The text of ${what} is no JSON object${why}`,
    cause,
  });
}

/** Two objects as one: merged key by key; of anything but two objects the second wins, lists as a whole. */
export function mergeJson(one: JsonObject, other: JsonObject): JsonObject {
  const merged = new Map(Object.entries(one));
  for (const [key, value] of Object.entries(other)) {
    const old = merged.get(key);
    merged.set(key, isJsonObject(old) && isJsonObject(value) ? mergeJson(old, value) : value);
  }
  return Object.fromEntries(merged);
}

/** The node of the database that these settings make. Throws DB_BAD_JSON, DB_BAD_PATH. */
export function settingsNode(settings: JsonObject): TreeNode | undefined {
  return nodeFromValue(settings);
}

function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
