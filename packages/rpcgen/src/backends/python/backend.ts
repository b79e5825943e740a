import { toIdentifier } from '../../naming/name-table.ts';
import type { Backend, CapabilityTable } from '../backend.ts';
import { CAPABILITIES as C_CAPABILITIES } from '../c/capabilities.ts';
import { printSide, printTypes } from './print.ts';
import { SUPPORT } from './support.ts';

const CAPABILITIES: CapabilityTable = {
  ...C_CAPABILITIES,
  deprecation: { support: 'partly', note: 'said in the docstrings; calls do not warn' },
};

/** Python: modules for each side on dbus-python, with type hints, and the support module of all documents. */
export const python: Backend = {
  name: 'python',
  aliases: ['py', 'python3'],
  summary: 'Python clients and servers for dbus-python, with type hints and a support module',
  capabilities: CAPABILITIES,
  generate: (document, { objectName, sides, header }) => {
    const module = toIdentifier(objectName);
    return [
      { path: `${module}_types.py`, text: printTypes(document, header) },
      ...sides.map((side) => ({
        path: `${module}_${side}.py`,
        text: printSide(document, side, { module, header }),
      })),
      { path: 'rpcgen_dbus.py', text: SUPPORT, isShared: true },
    ];
  },
};
