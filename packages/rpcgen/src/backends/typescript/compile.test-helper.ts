/** The compiler, on texts that are in no file yet. */
import path from 'node:path';
import ts from 'typescript';

const WORKSPACE = path.resolve(import.meta.dirname, '../../../../..');
const FOLDER = path.join(WORKSPACE, 'packages/rpcgen/src/generated');

/** Every strictness that there is. */
const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  customConditions: ['@xenops/source'],
  allowImportingTsExtensions: true,
  noEmit: true,
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  noImplicitOverride: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  verbatimModuleSyntax: true,
  erasableSyntaxOnly: true,
  isolatedModules: true,
  checkJs: false,
  allowJs: true,
  skipLibCheck: true,
  types: ['node'],
};

/** Gives what the compiler has to say about modules, by file name; nothing when they are right. */
export function compile(texts: Readonly<Record<string, string>>): readonly string[] {
  const files = new Map(
    Object.entries(texts).map(([name, text]) => [path.join(FOLDER, name), text]),
  );
  const options = { ...OPTIONS, typeRoots: [path.join(WORKSPACE, 'node_modules/@types')] };
  const host = ts.createCompilerHost(options);
  const disk = ts.createCompilerHost(options);
  host.directoryExists = (name) => name === FOLDER || disk.directoryExists?.(name) === true;
  host.fileExists = (name) => files.has(name) || disk.fileExists(name);
  host.readFile = (name) => files.get(name) ?? disk.readFile(name);
  host.getSourceFile = (name, ...rest) => {
    const text = files.get(name);
    return text === undefined
      ? disk.getSourceFile(name, ...rest)
      : ts.createSourceFile(name, text, rest[0]);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const sources = [...files.keys()].map((name) => program.getSourceFile(name));
  return sources
    .flatMap((source) => ts.getPreEmitDiagnostics(program, source))
    .map(({ file, start = 0, messageText }) => {
      const place = file?.getLineAndCharacterOfPosition(start);
      const text = ts.flattenDiagnosticMessageText(messageText, '\n');
      return `${path.basename(file?.fileName ?? '')}:${(place?.line ?? 0) + 1}: ${text}`;
    });
}
