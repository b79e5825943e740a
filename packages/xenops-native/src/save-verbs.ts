/** A domain to and from a stream. */
import { AbortedError, HypervisorError } from '@xenops/core/errors';
import { physCapabilities, type SaveRestore } from '@xenops/core/hypervisor';
import type { Addon, XcInterface } from './addon.ts';
import { restoreArguments } from './build-arguments.ts';
import { guestOf } from './build-verbs.ts';
import { onGuest, type Connection, type Deed } from './connection.ts';
import { SaveQuestions } from './save-questions.ts';

/** The verbs of `SaveRestore`. */
export function saveVerbs(connection: Connection): SaveRestore {
  return {
    async saveDomain(domid, spec, options) {
      const { fd, live = false, onRound } = spec;
      const deed = onGuest('save', domid, { live });
      const questions = new SaveQuestions(spec);
      const args = { fd, live, asksEachRound: onRound !== undefined };
      try {
        await connection.run(
          deed,
          (xc, onStage, addon) => {
            const { guestType } = guestOf(connection, { xc, domid, deed });
            if (guestType === 'pv' && live) assertShadowPaging(xc, addon, deed);
            return addon.startSave(xc, domid, args, questions.ask, onStage);
          },
          options,
        );
      } catch (error) {
        // Whoever asked must know what became of the guest before they go on.
        await questions.settle();
        if (error instanceof AbortedError || questions.failure === undefined) throw error;
        throw questions.failure.error;
      }
    },

    async restoreDomain(domid, spec, options) {
      const { guestType, memoryKib } = spec;
      const deed = onGuest('restore', domid, { guestType, memoryKib });
      return connection.run(
        deed,
        (xc, onStage, addon) => {
          guestOf(connection, { xc, domid, deed, guestType });
          return addon.startRestore(xc, domid, restoreArguments(spec), onStage);
        },
        options,
      );
    },
  };
}

/** What memory a PV guest dirties, Xen learns by shadow paging, without which it may be built. */
function assertShadowPaging(xc: XcInterface, addon: Addon, { what, context }: Deed): void {
  if (physCapabilities(addon.physInfo(xc).capabilities).includes('shadow')) return;
  throw new HypervisorError('HYPERVISOR_NOT_SUPPORTED', {
    message: `Cannot ${what} live: this Xen has no shadow paging, by which it follows a PV guest`,
    context,
  });
}
