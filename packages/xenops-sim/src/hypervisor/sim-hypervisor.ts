/** The model as callers know it: a handle that answers until it is disposed. Disposing does not end the model. */
import { HypervisorError } from '@xenops/core/errors';
import type { Hypervisor } from '@xenops/core/hypervisor';
import { anyVerb, makeVerbs, VERBS, type HypervisorVerbs, type Verb } from './verbs.ts';

/** A connection to the model; what it has beyond real ones is for the socket. */
export type SimHypervisor = Hypervisor & HypervisorVerbs;

export interface HandleOptions {
  /** Called before each verb; what it throws is the verb's answer. */
  readonly before?: ((verb: Verb) => void) | undefined;
}

/** Opens a connection. */
export function openHandle(verbs: HypervisorVerbs, { before }: HandleOptions = {}): SimHypervisor {
  let isOpen = true;
  const enter = (verb: Verb): void => {
    if (!isOpen) {
      throw new HypervisorError('HYPERVISOR_UNAVAILABLE', {
        message: 'This connection to the hypervisor has been closed',
      });
    }
    before?.(verb);
  };
  const handle = makeVerbs((verb) => {
    const call = anyVerb(verbs, verb);
    // A verb that promises rejects, it does not throw.
    const isPromised = VERBS[verb] === 'long' || verb === 'saveDomain' || verb === 'restoreDomain';
    return isPromised
      ? async (...args) => {
          enter(verb);
          return call(...args);
        }
      : (...args) => {
          enter(verb);
          return call(...args);
        };
  });
  return {
    ...handle,
    async [Symbol.asyncDispose]() {
      isOpen = false;
    },
  };
}
