import type { Backend, CapabilityTable } from '../backend.ts';
import { printDocument } from './print-document.ts';

/** What TypeScript and JavaScript can express: everything, but for what Node's sockets lack. */
export const NODE_CAPABILITIES: CapabilityTable = {
  client: { support: 'yes' },
  server: { support: 'yes' },
  properties: { support: 'yes' },
  'properties-changed': { support: 'yes' },
  'signals-emit': { support: 'yes' },
  'signals-receive': { support: 'yes' },
  enums: { support: 'yes' },
  errors: { support: 'yes' },
  introspection: { support: 'yes' },
  'object-manager': { support: 'yes' },
  timeouts: { support: 'yes' },
  'no-reply': { support: 'yes' },
  docs: { support: 'yes' },
  deprecation: { support: 'yes' },
  int64: { support: 'yes' },
  variants: { support: 'yes' },
  structs: { support: 'yes' },
  'nested-containers': { support: 'yes' },
  'unix-fds': {
    support: 'partly',
    note: "with the transport of @xenops/rpcgen/descriptors; Node's own sockets pass none, and without it one is DBUS_NO_DESCRIPTORS",
  },
  'dashed-property-names': { support: 'yes' },
  'unnamed-args': { support: 'yes' },
  'reserved-words': { support: 'yes' },
};

/** TypeScript: one module per document, clients and servers, on `@xenops/rpcgen/runtime`. */
export const typescript: Backend = {
  name: 'typescript',
  aliases: ['ts'],
  summary: 'TypeScript module with clients and servers, on @xenops/rpcgen/runtime',
  capabilities: NODE_CAPABILITIES,
  generate: (document, options) => [
    { path: `${options.objectName}.ts`, text: printDocument(document, options, 'ts') },
  ],
};
