import { RpcgenError } from '../../errors.ts';
import type { DbusType } from '../../model/dbus-type.ts';
import type { Document } from '../../model/model.ts';
import type { Problem } from '../../model/problem.ts';
import { interfacesOf } from '../../model/walk.ts';
import type { Backend, CapabilityTable } from '../backend.ts';
import { CAPABILITIES as C_CAPABILITIES } from '../c/capabilities.ts';
import { printModules } from './print.ts';

/** The library has instances for tuples of up to 15. */
const FIELDS_MAX = 15;

const CAPABILITIES: CapabilityTable = {
  ...C_CAPABILITIES,
  deprecation: { support: 'partly', note: 'said in comments; the compiler does not warn' },
  errors: {
    support: 'partly',
    note: 'names and texts both ways; there are no types for declared errors',
  },
  introspection: {
    support: 'partly',
    note: 'of the objects themselves; the nodes between them have none',
  },
  'object-manager': { support: 'no', note: 'the library has none' },
  structs: { support: 'partly', note: `of up to ${FIELDS_MAX} fields` },
  'unix-fds': { support: 'no', note: 'generated, but the packaged library passes no descriptors' },
};

/** Haskell: the modules of the original generator, over the `dbus` package. */
export const haskell: Backend = {
  name: 'haskell',
  aliases: ['hs'],
  summary: 'Haskell clients and servers for the dbus package, with a support module',
  capabilities: CAPABILITIES,
  generate: (document, options) => {
    const problems = largeStructs(document);
    if (problems.length > 0) {
      const message = `Haskell tuples have at most ${FIELDS_MAX} fields`;
      throw new RpcgenError('BACKEND_UNSUPPORTED', { message, problems });
    }
    return printModules(document, options);
  },
};

function largeStructs(document: Document): readonly Problem[] {
  const typed = interfacesOf(document).flatMap(({ methods, signals, properties }) => [
    ...methods.flatMap(({ args }) => args),
    ...signals.flatMap(({ args }) => args),
    ...properties,
  ]);
  return typed
    .filter(({ type }) => isLarge(type))
    .map(({ position, signature }) => ({
      severity: 'error',
      position,
      message: `a struct in "${signature}" has more than ${FIELDS_MAX} fields`,
    }));
}

function isLarge(type: DbusType): boolean {
  switch (type.kind) {
    case 'array':
      return isLarge(type.element);
    case 'dict':
      return isLarge(type.value);
    case 'struct':
      return type.fields.length > FIELDS_MAX || type.fields.some(isLarge);
    default:
      return false;
  }
}
