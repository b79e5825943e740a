/**
 * `@xenops/rpcgen`: D-Bus introspection XML to bindings. Parse a text, give the document to a backend:
 *
 * ```ts
 * const { document, problems } = parseIdl({ file: 'toaster.xml', text });
 * if (document === undefined) throw new Error(problems.map(renderProblem).join('\n'));
 * const files = findBackend('markdown')?.generate(document, options);
 * ```
 */
export {
  FEATURES,
  type Backend,
  type Capability,
  type CapabilityTable,
  type Feature,
  type GeneratedFile,
  type GenerateOptions,
  type Side,
} from './backends/backend.ts';
export { BACKENDS, findBackend } from './backends/registry.ts';
export { suggestBump, type Change, type ChangeClass, type VersionBump } from './diff/change.ts';
export { diffDocuments } from './diff/diff-documents.ts';
export { RpcgenError, type RpcgenErrorCode } from './errors.ts';
export * from './model/annotations.ts';
export type * from './model/dbus-type.ts';
export type * from './model/model.ts';
export { renderPosition, type Position } from './model/position.ts';
export { renderProblem, type Problem } from './model/problem.ts';
export {
  parseSignature,
  parseType,
  renderSignature,
  renderType,
  SignatureError,
} from './model/signature.ts';
export { enumsOf, interfacesOf } from './model/walk.ts';
export { parseIdl, type IdlSource, type ParsedIdl } from './parse/idl-parser.ts';
