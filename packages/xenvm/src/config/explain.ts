/** `xenvm config check` and `xenvm config explain`, and the JSON Schema: the table of keys as text and as JSON. */
import type { Applies } from './config-key.ts';
import { defaultConfig, KEY_ROWS, getKeyRow, type KeyRow } from './config-keys.ts';
import { parseConfig } from './parse-config.ts';
import { refusing, renderProblem, type ConfigProblem, type Strictness } from './problem.ts';
import { configToJson, type JsonValue } from './render-config.ts';
import type { ValueSchema } from './value-type.ts';

/** What `config check` finds. */
export interface ConfigReport {
  /** Whether the monitor would take the file. */
  readonly isAccepted: boolean;
  readonly problems: readonly ConfigProblem[];
  /** What counts then, defaults included, secrets as stars. */
  readonly config: Readonly<Record<string, JsonValue>>;
}

/** Checks the text of a file without doing anything. */
export function checkFile(text: string, strictness: Strictness): ConfigReport {
  const { config, problems } = parseConfig(text);
  return {
    isAccepted: refusing(problems, strictness).length === 0,
    problems,
    config: configToJson(config, { withSecrets: false }),
  };
}

/** The report for people: a line for each problem, then the verdict. */
export function renderReport({ isAccepted, problems }: ConfigReport, file: string): string {
  const count = (severity: ConfigProblem['severity']): number =>
    problems.filter((problem) => problem.severity === severity).length;
  const verdict = `${file}: ${isAccepted ? 'accepted' : 'refused'}, ${count('error')} errors, ${count('warning')} warnings`;
  return [...problems.map((problem) => renderProblem(problem, file)), verdict]
    .map((line) => `${line}\n`)
    .join('');
}

/** One key as `config explain` tells it. */
export interface KeyExplanation {
  readonly name: string;
  readonly alias?: string;
  readonly type: string;
  readonly unit?: string;
  /** In the file's text; absent without a default. A list has one line an item. */
  readonly default?: string;
  readonly applies: Applies;
  readonly isSecret: boolean;
  readonly values?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly doc: string;
}

/** All keys, or those named. Throws CONFIG_BAD_VALUE for a name that is none. */
export function explainKeys(names: readonly string[] = []): readonly KeyExplanation[] {
  const rows = names.length === 0 ? KEY_ROWS : names.map(getKeyRow);
  return rows.map(({ key }) => {
    const { type, name, alias, unit, applies, isSecret, doc } = key;
    const lines = type.lines(key.default);
    const { enum: values, minimum, maximum } = type.schema;
    return {
      name,
      ...(alias === undefined ? {} : { alias }),
      type: type.name,
      ...(unit === undefined ? {} : { unit }),
      ...(lines.length === 0 ? {} : { default: lines.join('\n') }),
      applies,
      isSecret,
      ...(values === undefined ? {} : { values }),
      ...(minimum === undefined ? {} : { minimum }),
      ...(maximum === undefined ? {} : { maximum }),
      doc,
    };
  });
}

const APPLIES_TEXT: Readonly<Record<Applies, string>> = {
  'at-once': 'counts at once',
  'next-start': 'counts at the next start',
  monitor: 'counts when the monitor starts',
  never: 'has no effect',
};

/** The explanations for people. */
export function renderExplanations(explanations: readonly KeyExplanation[]): string {
  return explanations
    .map((key) => {
      const facts = [
        `${key.type}${key.unit === undefined ? '' : ` in ${key.unit}`}`,
        ...(key.values === undefined ? [] : [key.values.join(' | ')]),
        ...(key.minimum === undefined || key.maximum === undefined
          ? []
          : [`${key.minimum} to ${key.maximum}`]),
        ...(key.default === undefined
          ? []
          : [`default ${key.default === '' ? 'empty' : key.default}`]),
        APPLIES_TEXT[key.applies],
        ...(key.isSecret ? ['secret'] : []),
      ];
      const names = key.alias === undefined ? key.name : `${key.name} (or ${key.alias})`;
      return `${names}\n    ${key.doc}\n    ${facts.join('; ')}\n`;
    })
    .join('');
}

/** What a key is in the schema: its values, and what the table says besides. */
interface SchemaProperty extends ValueSchema {
  readonly description: string;
  readonly default?: JsonValue;
  readonly writeOnly?: boolean;
  readonly deprecated?: boolean;
  readonly 'x-unit'?: string;
  readonly 'x-applies': Applies;
}

export interface ConfigSchema {
  readonly $schema: string;
  readonly title: string;
  readonly type: 'object';
  readonly required: readonly string[];
  readonly additionalProperties: false;
  readonly properties: Readonly<Record<string, SchemaProperty>>;
}

/** The JSON Schema of a configuration as `configToJson` gives it. */
export function configSchema(): ConfigSchema {
  const defaults = configToJson(defaultConfig({ hasFile: true }), { withSecrets: false });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of a virtual machine',
    type: 'object',
    required: ['memory'],
    additionalProperties: false,
    properties: Object.fromEntries(
      KEY_ROWS.map(({ key }) => [key.name, schemaProperty(key, defaults[key.name])]),
    ),
  };
}

function schemaProperty(key: KeyRow['key'], value: JsonValue | undefined): SchemaProperty {
  return {
    ...key.type.schema,
    description: key.doc,
    ...(value === undefined ? {} : { default: value }),
    ...(key.isSecret ? { writeOnly: true } : {}),
    ...(key.applies === 'never' ? { deprecated: true } : {}),
    ...(key.unit === undefined ? {} : { 'x-unit': key.unit }),
    'x-applies': key.applies,
  };
}
