/**
 * What a backend is: a pure function from the model to files, and the data that say what it can do. A backend is a
 * folder with `backend.ts` (exporting one `Backend`), a README and golden files; `registry.ts` has a line for each.
 */
import type { Document } from '../model/model.ts';

/** Everything that a language or its D-Bus library may be unable to express. */
export const FEATURES = [
  'client',
  'server',
  'properties',
  'properties-changed',
  'signals-emit',
  'signals-receive',
  'enums',
  'errors',
  'introspection',
  'object-manager',
  'timeouts',
  'no-reply',
  'docs',
  'deprecation',
  'int64',
  'variants',
  'structs',
  'nested-containers',
  'unix-fds',
  'dashed-property-names',
  'unnamed-args',
  'reserved-words',
] as const;

/** One of them. */
export type Feature = (typeof FEATURES)[number];

/** Whether a backend can do it; anything less than everything says what is missing and why. */
export type Capability =
  { readonly support: 'yes' } | { readonly support: 'partly' | 'no'; readonly note: string };

/** A backend's answer for every feature. Tests hold it against what the backend does. */
export type CapabilityTable = Readonly<Record<Feature, Capability>>;

/** The side of the bus that code is generated for. */
export type Side = 'client' | 'server';

/** What the command line asks of a backend. */
export interface GenerateOptions {
  /** The object's name, from which files and modules are named: `xenmgr_vm`. Never empty. */
  readonly objectName: string;
  /** Which sides to generate, at least one. */
  readonly sides: readonly Side[];
  /** Put before module names, such as `Rpc.Autogen`; empty for none. Only Haskell has a use for it. */
  readonly modulePrefix: string;
  /**
   * The lines of the comment that opens every file, without comment marks: generator and version, source file and
   * its hash. The same input gives the same lines, so that output is reproducible.
   */
  readonly header: readonly string[];
}

/** One file of the output. */
export interface GeneratedFile {
  /** Relative to the output directory, with `/` between folders, and never leaving it. */
  readonly path: string;
  /** UTF-8 text with LF line ends, ending in one. */
  readonly text: string;
  /** Support code that does not depend on the document: several documents of a run give it once. */
  readonly isShared?: boolean;
}

/** A language, or another form of output. */
export interface Backend {
  /** The name for `--lang`: lower case, as the language is called. */
  readonly name: string;
  /** Other names for `--lang`, such as `ts`. */
  readonly aliases: readonly string[];
  /** One line for `--list`. */
  readonly summary: string;
  readonly capabilities: CapabilityTable;
  /**
   * Makes the files. Pure: no I/O, no time, no chance; equal arguments give equal text. The order of the files is
   * the order in which they are reported. Everything the model can hold must either be generated or be refused by
   * an `RpcgenError` with code `BACKEND_UNSUPPORTED` and a problem for each thing that cannot be expressed: nothing
   * is left out silently. The sides that `capabilities` refuses are never asked for.
   */
  generate(document: Document, options: GenerateOptions): readonly GeneratedFile[];
}
