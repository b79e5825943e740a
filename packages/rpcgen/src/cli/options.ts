/**
 * The command line: the options of the original generator, which also takes any unambiguous beginning of a long
 * option and options after file names, and the new ones.
 */
import { Command, CommanderError, Option } from 'commander';
import { RpcgenError } from '../errors.ts';

/** What to do. */
export type Request =
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'version' }
  | { readonly kind: 'list'; readonly json: boolean }
  | GenerateRequest
  | DiffRequest;

/** Generate files, or check them. */
export interface GenerateRequest {
  readonly kind: 'generate';
  readonly files: readonly string[];
  /** Names of backends, at least one. */
  readonly langs: readonly string[];
  /** `-c` and `-s` as given. */
  readonly client: boolean;
  readonly server: boolean;
  readonly outputDir: string;
  readonly objectName: string | undefined;
  readonly modulePrefix: string;
  readonly check: boolean;
  /** Options that are accepted and mean nothing any more. */
  readonly ignored: readonly string[];
}

/** Compare two descriptions. */
export interface DiffRequest {
  readonly kind: 'diff';
  readonly before: string;
  readonly after: string;
  readonly json: boolean;
  readonly failOn: 'breaking' | 'addition' | 'never';
}

/** The flags of the original that choose a backend, and the backend of each. */
const BACKEND_FLAGS = [
  { flag: 'haskell', lang: 'haskell' },
  { flag: 'camel', lang: 'ocaml' },
  { flag: 'javascript', lang: 'javascript' },
  { flag: 'ruby', lang: 'ruby' },
  { flag: 'c2', lang: 'c2' },
] as const;

/** The backend of the original when no flag chooses one. */
const DEFAULT_BACKEND = 'c';

const collect = (value: string, values: readonly string[] = []): readonly string[] => [
  ...values,
  value,
];

function buildParser(): Command {
  const parser = new Command('xc-rpcgen')
    .usage('[OPTIONS] FILE.xml...\n       xc-rpcgen --diff OLD.xml NEW.xml')
    .description('Makes bindings from D-Bus introspection XML.')
    .argument('[FILE...]', 'descriptions of interfaces')
    .option('-o, --output <DIR>', 'where to put the files; made when it is missing', '.')
    .option('-c, --client', 'make the client side (the default)')
    .option('-s, --server', 'make the server side')
    .option('-n, --name <NAME>', "name of the object (default: the file's, in lower case)")
    .addOption(
      new Option(
        '--lang <NAME>',
        'language of the output; may be repeated (--list shows all)',
      ).argParser(collect),
    );
  for (const { flag, lang } of BACKEND_FLAGS) {
    parser.option(`--${flag}`, `the same as --lang ${lang}`);
  }
  return parser
    .option('--module-prefix <PREFIX>', 'put before the names of Haskell modules', '')
    .option('--templates-dir <DIR>', 'ignored: templates are built in')
    .option('--check', 'write nothing; fail when the files are not what would be written')
    .option('--diff', 'compare two descriptions for compatibility')
    .addOption(
      new Option('--fail-on <CLASS>', 'with --diff: the least change that is a failure')
        .choices(['breaking', 'addition', 'never'])
        .default('breaking'),
    )
    .option('--json', 'with --diff or --list: print JSON')
    .option('--list', 'show the backends and what they can do')
    .option('--version', 'show the version')
    .exitOverride()
    .configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
}

interface Values {
  readonly output: string;
  readonly client?: boolean;
  readonly server?: boolean;
  readonly name?: string;
  readonly lang?: readonly string[];
  readonly haskell?: boolean;
  readonly camel?: boolean;
  readonly javascript?: boolean;
  readonly ruby?: boolean;
  readonly c2?: boolean;
  readonly modulePrefix: string;
  readonly templatesDir?: string;
  readonly check?: boolean;
  readonly diff?: boolean;
  readonly failOn: DiffRequest['failOn'];
  readonly json?: boolean;
  readonly list?: boolean;
  readonly version?: boolean;
}

/** Reads a command line. Throws RpcgenError with code `USAGE`. */
export function parseOptions(words: readonly string[]): Request {
  const parser = buildParser();
  try {
    parser.parse(expandPrefixes(words, parser), { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code === 'commander.helpDisplayed') {
      return { kind: 'help', text: parser.helpInformation() };
    }
    throw usage(error.message.replace(/^error: /, ''));
  }
  const values = parser.opts<Values>();
  const files = parser.args;
  if (values.version) return { kind: 'version' };
  if (values.list) return { kind: 'list', json: values.json ?? false };
  return values.diff ? diffRequest(values, files) : generateRequest(values, files);
}

function diffRequest({ json = false, failOn }: Values, files: readonly string[]): DiffRequest {
  const [before, after, ...more] = files;
  if (before === undefined || after === undefined || more.length > 0) {
    throw usage('--diff compares two files, the old and the new one');
  }
  return { kind: 'diff', before, after, json, failOn };
}

function generateRequest(values: Values, files: readonly string[]): GenerateRequest {
  if (files.length === 0) throw usage('a file is missing; --help shows the options');
  if (files.length > 1 && values.name !== undefined) throw usage('--name is for one file only');
  if (values.json) throw usage('--json is for --diff and --list');
  if (values.name !== undefined) checkObjectName(values.name);
  if (!/^([A-Z][A-Za-z0-9_']*(\.[A-Z][A-Za-z0-9_']*)*)?$/.test(values.modulePrefix)) {
    throw usage(`"${values.modulePrefix}" is no prefix of module names such as Rpc.Autogen`);
  }
  return {
    kind: 'generate',
    files,
    langs: readLangs(values),
    client: values.client ?? false,
    server: values.server ?? false,
    outputDir: values.output,
    objectName: values.name,
    modulePrefix: values.modulePrefix,
    check: values.check ?? false,
    ignored: values.templatesDir === undefined ? [] : ['--templates-dir'],
  };
}

/** Checks the name of an object, which becomes part of file names and identifiers. Throws RpcgenError. */
export function checkObjectName(name: string): void {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/.test(name)) return;
  const right = 'it consists of letters, digits, "_", "-" and "."; give one with --name';
  throw usage(`"${name}" is no name for an object: ${right}`);
}

function readLangs(values: Values): readonly string[] {
  const { lang = [] } = values;
  const flags = BACKEND_FLAGS.filter(({ flag }) => values[flag]);
  const given = [...flags.map(({ flag }) => `--${flag}`), ...(lang.length > 0 ? ['--lang'] : [])];
  if (given.length > 1) throw usage(`only one of ${given.join(' and ')} can be given`);
  return given.length === 0 ? [DEFAULT_BACKEND] : [...flags.map((one) => one.lang), ...lang];
}

/** Spells out long options of which only an unambiguous beginning is given. */
function expandPrefixes(words: readonly string[], parser: Command): readonly string[] {
  const names = [...parser.options.map(({ long }) => long ?? ''), '--help'];
  const end = words.indexOf('--');
  return words.map((word, index) => {
    const match = /^(?<flag>--[a-z0-9-]+)(?<rest>=[^]*)?$/.exec(word)?.groups;
    const flag = match?.['flag'];
    if (flag === undefined || names.includes(flag) || (end !== -1 && index > end)) return word;
    const found = names.filter((name) => name.startsWith(flag));
    return found.length === 1 ? `${found[0] ?? ''}${match?.['rest'] ?? ''}` : word;
  });
}

function usage(message: string): RpcgenError {
  return new RpcgenError('USAGE', { message });
}
