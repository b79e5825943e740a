import type { Backend } from '../backend.ts';
import { NODE_CAPABILITIES } from '../typescript/backend.ts';
import { printDocument } from '../typescript/print-document.ts';

/** JavaScript: an ES module and its declarations, printed like the TypeScript one. */
export const javascript: Backend = {
  name: 'javascript',
  aliases: ['js'],
  summary: 'ES module with declarations (d.ts), on @xenops/rpcgen/runtime',
  capabilities: NODE_CAPABILITIES,
  generate: (document, options) => [
    { path: `${options.objectName}.js`, text: printDocument(document, options, 'js') },
    { path: `${options.objectName}.d.ts`, text: printDocument(document, options, 'dts') },
  ],
};
