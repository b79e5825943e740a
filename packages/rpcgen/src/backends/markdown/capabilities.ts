import type { Capability, CapabilityTable } from '../backend.ts';

const YES: Capability = { support: 'yes' };
const NO_CODE: Capability = { support: 'partly', note: 'described; there is no code' };

/** What the Markdown backend can do. */
export const CAPABILITIES: CapabilityTable = {
  client: NO_CODE,
  server: NO_CODE,
  properties: YES,
  'properties-changed': YES,
  'signals-emit': NO_CODE,
  'signals-receive': NO_CODE,
  enums: YES,
  errors: YES,
  introspection: { support: 'no', note: 'there is no code' },
  'object-manager': { support: 'no', note: 'there is no code' },
  timeouts: { support: 'partly', note: 'shown as an annotation' },
  'no-reply': YES,
  docs: YES,
  deprecation: YES,
  int64: YES,
  variants: YES,
  structs: YES,
  'nested-containers': YES,
  'unix-fds': YES,
  'dashed-property-names': YES,
  'unnamed-args': YES,
  'reserved-words': YES,
};
