import type { Document } from '../../model/model.ts';
import type { Backend, GeneratedFile, GenerateOptions } from '../backend.ts';
import { CAPABILITIES } from './capabilities.ts';
import { printClientHeader, printClientSource } from './print-client.ts';
import { printServerHeader, printServerSource } from './print-server.ts';
import { printTypes } from './print-types.ts';
import { SUPPORT_HEADER } from './support-header.ts';
import { SUPPORT_SOURCE } from './support-source.ts';

/** C for sd-bus: headers and sources for each side, and the support code that all documents share. */
export const c: Backend = {
  name: 'c',
  aliases: ['sd-bus'],
  summary: 'C clients and servers for sd-bus (libsystemd), with their support code',
  capabilities: CAPABILITIES,
  generate,
};

function generate(document: Document, options: GenerateOptions): readonly GeneratedFile[] {
  const { objectName, sides, header } = options;
  const types = `${objectName}_types.h`;
  const client = [
    { path: `${objectName}_client.h`, text: printClientHeader(document, options) },
    { path: `${objectName}_client.c`, text: printClientSource(document, options) },
  ];
  const server = [
    { path: `${objectName}_server.h`, text: printServerHeader(document, options) },
    { path: `${objectName}_server.c`, text: printServerSource(document, options) },
  ];
  return [
    { path: types, text: printTypes(document, { file: types, header }) },
    ...(sides.includes('client') ? client : []),
    ...(sides.includes('server') ? server : []),
    { path: 'rpcgen_dbus.h', text: SUPPORT_HEADER, isShared: true },
    { path: 'rpcgen_dbus.c', text: SUPPORT_SOURCE, isShared: true },
  ];
}
