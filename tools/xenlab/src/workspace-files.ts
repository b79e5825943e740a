// What an npm workspace needs in Dom0 to run there: its built packages and, of node_modules, only what they depend
// on at run time. The layout stays as it is in the checkout, so Node resolves everything as it does there.
//
// A package may say more in its package.json:  "xenlab": { "exclude": ["NAME", ...], "push": false }
// `exclude` names dependencies that are not needed at run time, `push: false` keeps the package itself at home.
import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
} from 'node:fs';
import path from 'node:path';
import { LabError } from './errors.ts';

/** Needed to compile an addon, though packages list them as dependencies so that users can compile too. */
const BUILD_ONLY = ['cmake-js', 'node-addon-api', 'node-api-headers', 'node-gyp'];
/** What the compiler leaves beside the code and Node does not read. */
const NOT_FOR_RUNNING = /\.(d\.ts|d\.ts\.map|tsbuildinfo)$/;

export interface PackageJson {
  readonly name: string;
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: readonly string[];
  readonly files: readonly string[];
  readonly scripts: Readonly<Record<string, string>>;
  readonly exclude: readonly string[];
  readonly push: boolean;
}

export interface WorkspacePackage {
  /** Relative to the workspace. */
  readonly folder: string;
  readonly packageJson: PackageJson;
}

/** A file or symbolic link that goes to Dom0. */
export interface WorkspaceFile {
  /** Relative to the workspace, and to its folder in Dom0. */
  readonly path: string;
  /** Changes when the file does. */
  readonly stamp: string;
}

export interface WorkspaceContents {
  readonly files: readonly WorkspaceFile[];
  /** Command name to file, relative to the workspace. */
  readonly commands: ReadonlyMap<string, string>;
}

/** The nearest folder, from `from` upwards, whose package.json has `workspaces`. @throws LabError LAB_USAGE. */
export function findWorkspace(from: string): string {
  for (let folder = path.resolve(from); ; folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (existsSync(file) && 'workspaces' in readJson(file)) return folder;
    if (folder === path.dirname(folder)) break;
  }
  throw new LabError('LAB_USAGE', { message: `${from} is not inside an npm workspace` });
}

/** The packages of a workspace that run in Dom0: not this tool, nor what drives it from outside. */
export function readWorkspacePackages(workspace: string): readonly WorkspacePackage[] {
  const patterns = stringList(readJson(path.join(workspace, 'package.json'))['workspaces']);
  return patterns
    .flatMap((pattern) => {
      if (!pattern.endsWith('/*')) return [pattern];
      const parent = pattern.slice(0, -2);
      return readdirSync(path.join(workspace, parent)).map((name) => path.join(parent, name));
    })
    .filter((folder) => existsSync(path.join(workspace, folder, 'package.json')))
    .map((folder) => ({ folder, packageJson: readPackageJson(path.join(workspace, folder)) }))
    .filter(
      ({ packageJson: { name, dependencies, push } }) =>
        push && name !== 'xenlab' && !dependencies.includes('xenlab'),
    );
}

/** All that goes to Dom0, except native addons, which depend on its release. */
export function listWorkspace(
  workspace: string,
  packages: readonly WorkspacePackage[],
): WorkspaceContents {
  const files = new Map<string, WorkspaceFile>();
  const commands = new Map<string, string>();
  const add = (file: string): void => {
    const stamp = stampOf(path.join(workspace, file));
    files.set(file, { path: file, stamp });
  };
  const visited = new Set<string>();
  const visitDependencies = (folder: string, { dependencies, exclude }: PackageJson): void => {
    for (const name of dependencies.filter(
      (dependency) => !BUILD_ONLY.includes(dependency) && !exclude.includes(dependency),
    )) {
      const found = findDependency(workspace, folder, name);
      if (found === undefined || visited.has(found)) continue;
      visited.add(found);
      if (lstatSync(path.join(workspace, found)).isSymbolicLink()) add(found);
      else for (const file of listFiles(workspace, found)) add(file);
      const real = path.relative(workspace, realpathSync(path.join(workspace, found)));
      visitDependencies(real, readPackageJson(path.join(workspace, real)));
    }
  };
  add('package.json');
  for (const { folder, packageJson } of packages) {
    for (const entry of ['package.json', ...packageJson.files]) {
      for (const file of listFiles(workspace, path.join(folder, entry))) add(file);
    }
    for (const [command, file] of Object.entries(packageJson.bin))
      commands.set(command, path.join(folder, file));
    visitDependencies(folder, packageJson);
  }
  return { files: [...files.values()], commands };
}

/** A file's identity for "has it changed": its target for a link, else its size and time. */
export function stampOf(file: string): string {
  const stat = lstatSync(file);
  return stat.isSymbolicLink()
    ? readlinkSync(file)
    : `${String(stat.size)} ${String(stat.mtimeMs)}`;
}

/** As Node looks for a package: in node_modules of the folder and of each one above it, up to the workspace. */
function findDependency(workspace: string, folder: string, name: string): string | undefined {
  for (let from = folder; ; from = path.dirname(from)) {
    const candidate = path.join(from, 'node_modules', name);
    if (existsSync(path.join(workspace, candidate))) return candidate;
    if (from === '.') return undefined;
  }
}

/** The files under a path, or that file itself; of a package only its own, not those nested in its node_modules. */
function listFiles(workspace: string, start: string): readonly string[] {
  const stat = lstatSync(path.join(workspace, start), { throwIfNoEntry: false });
  if (stat === undefined) return [];
  if (!stat.isDirectory()) return NOT_FOR_RUNNING.test(start) ? [] : [start];
  return readdirSync(path.join(workspace, start))
    .filter((name) => name !== 'node_modules')
    .flatMap((name) => listFiles(workspace, path.join(start, name)));
}

export function readPackageJson(folder: string): PackageJson {
  return parsePackageJson(readJson(path.join(folder, 'package.json')));
}

/** Pure: the fields that matter here, in one form. */
export function parsePackageJson(json: Readonly<Record<string, unknown>>): PackageJson {
  const name = String(json['name']);
  const own = asRecord(json['xenlab']);
  const bin =
    typeof json['bin'] === 'string'
      ? { [name.replace(/^@.*\//, '')]: json['bin'] }
      : stringRecord(json['bin']);
  return {
    name,
    bin,
    dependencies: [
      ...Object.keys(asRecord(json['dependencies'])),
      ...Object.keys(asRecord(json['optionalDependencies'])),
    ],
    files: stringList(json['files']),
    scripts: stringRecord(json['scripts']),
    exclude: stringList(own['exclude']),
    push: own['push'] !== false,
  };
}

function readJson(file: string): Readonly<Record<string, unknown>> {
  const json: unknown = JSON.parse(readFileSync(file, 'utf8'));
  return asRecord(json);
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}

function stringRecord(value: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(asRecord(value)).flatMap(([key, item]) =>
      typeof item === 'string' ? [[key, item]] : [],
    ),
  );
}

function stringList(value: unknown): readonly string[] {
  return Array.isArray(value)
    ? value.filter((item): item is string => typeof item === 'string')
    : [];
}
