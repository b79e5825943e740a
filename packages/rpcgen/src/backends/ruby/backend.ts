import type { Backend, CapabilityTable } from '../backend.ts';
import { CAPABILITIES as C_CAPABILITIES } from '../c/capabilities.ts';
import { printSide, printTypes } from './print.ts';
import { SUPPORT } from './support.ts';

const CAPABILITIES: CapabilityTable = {
  ...C_CAPABILITIES,
  deprecation: { support: 'partly', note: 'said in comments; calls do not warn' },
  'unix-fds': {
    support: 'partly',
    note: 'members are generated, but ruby-dbus passes no descriptors: sending one is a BadValue',
  },
};

/** Ruby: a module for each side on ruby-dbus, and the support file of all documents. */
export const ruby: Backend = {
  name: 'ruby',
  aliases: ['rb'],
  summary: 'Ruby clients and servers for ruby-dbus, with a support file',
  capabilities: CAPABILITIES,
  generate: (document, options) => [
    { path: `${options.objectName}_types.rb`, text: printTypes(document, options) },
    ...options.sides.map((side) => ({
      path: `${options.objectName}_${side}.rb`,
      text: printSide(document, side, options),
    })),
    { path: 'rpcgen_dbus.rb', text: SUPPORT, isShared: true },
  ],
};
