import { readFileSync } from 'node:fs';
import { RpcgenError } from '../errors.ts';
import type { Document } from '../model/model.ts';
import type { Problem } from '../model/problem.ts';
import { parseIdl } from '../parse/idl-parser.ts';

/** A document, and what is odd but not wrong in it. */
export interface ReadDocument {
  readonly document: Document;
  readonly warnings: readonly Problem[];
}

/**
 * Reads and parses a file. Throws RpcgenError: `INPUT_UNREADABLE`, or `IDL_INVALID` with all problems, warnings
 * included.
 */
export function readDocument(file: string): ReadDocument {
  const { document, problems } = parseIdl({ file, text: readText(file) });
  if (document === undefined) {
    throw new RpcgenError('IDL_INVALID', { message: `${file} is not valid`, problems });
  }
  return { document, warnings: problems };
}

function readText(file: string): string {
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new RpcgenError('INPUT_UNREADABLE', { message: `cannot read ${file}: ${reason}`, cause });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const position = { file, line: 1, column: 1 };
    const message = 'the file is no UTF-8 text';
    const problems: readonly Problem[] = [{ severity: 'error', position, message }];
    throw new RpcgenError('IDL_INVALID', { message: `${file} is not valid`, problems, cause });
  }
}
