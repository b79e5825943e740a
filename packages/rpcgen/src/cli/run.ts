/** From the words of a command line to an exit status. */
import { diffDocuments } from '../diff/diff-documents.ts';
import { renderDiffJson, renderDiffText } from '../diff/render-diff.ts';
import { RpcgenError, type RpcgenErrorCode } from '../errors.ts';
import { renderProblem, type Problem } from '../model/problem.ts';
import { EXIT } from './exit-status.ts';
import { backendsOf, generateFiles, uniqueFiles } from './generate.ts';
import { parseOptions, type DiffRequest, type GenerateRequest } from './options.ts';
import { readDocument, type ReadDocument } from './read-document.ts';
import { renderListJson, renderListText } from './render-list.ts';
import { staleFiles, writeFiles } from './write-files.ts';

/** Where text goes. */
export interface TextSink {
  write(text: string): unknown;
}

/** What the program runs in. */
export interface Invocation {
  readonly words: readonly string[];
  readonly out: TextSink;
  readonly err: TextSink;
  /** The version of this package, for `--version` and for the generated files. */
  readonly version: string;
}

const STATUS = {
  IDL_INVALID: EXIT.failed,
  INPUT_UNREADABLE: EXIT.failed,
  OUTPUT_FAILED: EXIT.failed,
  USAGE: EXIT.usage,
  BACKEND_UNSUPPORTED: EXIT.unsupported,
} satisfies Record<RpcgenErrorCode, number>;

/** Runs the program and gives its exit status. What is wrong with its input is reported on `err`, not thrown. */
export function run(invocation: Invocation): number {
  try {
    return perform(invocation);
  } catch (error) {
    if (!(error instanceof RpcgenError)) throw error;
    const prefix = error.problems.length === 0 ? 'xc-rpcgen: ' : '';
    invocation.err.write(`${prefix}${error.report}\n`);
    return STATUS[error.code];
  }
}

function perform(invocation: Invocation): number {
  const { words, out, version } = invocation;
  const request = parseOptions(words);
  switch (request.kind) {
    case 'help':
      out.write(request.text);
      return EXIT.done;
    case 'version':
      out.write(`${version}\n`);
      return EXIT.done;
    case 'list':
      out.write(request.json ? renderListJson() : renderListText());
      return EXIT.done;
    case 'diff':
      return compare(request, invocation);
    case 'generate':
      return generate(request, invocation);
  }
}

/** Reads several files; when some are not valid, the problems of all of them are reported together. */
function readAll(files: readonly string[], { err }: Invocation): readonly ReadDocument[] {
  const problems: Problem[] = [];
  const read = files.flatMap((file) => {
    try {
      return [readDocument(file)];
    } catch (error) {
      if (!(error instanceof RpcgenError) || error.code !== 'IDL_INVALID') throw error;
      problems.push(...error.problems);
      return [];
    }
  });
  if (problems.length > 0) {
    throw new RpcgenError('IDL_INVALID', { message: 'the input is not valid', problems });
  }
  for (const { warnings } of read) {
    for (const warning of warnings) err.write(`${renderProblem(warning)}\n`);
  }
  return read;
}

function generate(request: GenerateRequest, invocation: Invocation): number {
  const { err, version } = invocation;
  for (const option of request.ignored) {
    err.write(`xc-rpcgen: ${option} is ignored: templates are built in\n`);
  }
  backendsOf(request);
  const files = uniqueFiles(
    readAll(request.files, invocation).flatMap(({ document }) =>
      generateFiles(document, request, version),
    ),
  );
  if (!request.check) {
    writeFiles(request.outputDir, files);
    return EXIT.done;
  }
  const stale = staleFiles(request.outputDir, files);
  for (const line of stale) err.write(`${line}\n`);
  return stale.length === 0 ? EXIT.done : EXIT.failed;
}

function compare({ before, after, json, failOn }: DiffRequest, invocation: Invocation): number {
  const [old, now] = readAll([before, after], invocation);
  if (old === undefined || now === undefined) return EXIT.failed;
  const changes = diffDocuments({ before: old.document, after: now.document });
  invocation.out.write(json ? renderDiffJson(changes) : renderDiffText(changes));
  const fails = changes.some(
    (change) =>
      (change.class === 'breaking' && failOn !== 'never') ||
      (change.class === 'addition' && failOn === 'addition'),
  );
  return fails ? EXIT.incompatible : EXIT.done;
}
