import type { CapabilityTable } from '../backend.ts';

/** What C for sd-bus can express. */
export const CAPABILITIES: CapabilityTable = {
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
  deprecation: { support: 'partly', note: 'said in comments; the compiler does not warn' },
  int64: { support: 'yes' },
  variants: { support: 'yes' },
  structs: { support: 'yes' },
  'nested-containers': { support: 'yes' },
  'unix-fds': { support: 'yes' },
  'dashed-property-names': { support: 'yes' },
  'unnamed-args': { support: 'yes' },
  'reserved-words': { support: 'yes' },
};
