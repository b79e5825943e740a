/** `com.citrix.xenclient.policy`: the policies of a VM as one line of words. */
import { ComCitrixXenclientPolicyDescription } from '../generated/xenmgr.ts';
import type { ComCitrixXenclientPolicyHandlers } from '../generated/xenmgr.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Served } from '../objects/object-set.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { knownUuid } from './root-object.ts';

/** Words and the keys below `policies`, in the order in which they are told. */
const POLICIES = [
  ['block-cd-access', 'cd-access', 'policy-cd-access'],
  ['block-cd-rec', 'cd-rec', 'policy-cd-recording'],
  ['block-audio-access', 'audio-access', 'policy-audio-access'],
  ['block-audio-rec', 'audio-rec', 'policy-audio-recording'],
  ['block-wired-networking', 'wired-networking', 'policy-wired-networking'],
  ['block-wireless-networking', 'wireless-networking', 'policy-wireless-networking'],
  ['block-modify-vm-settings', 'modify-vm-settings', 'policy-modify-vm-settings'],
] as const;

const WORDS: readonly string[] = POLICIES.map(([word]) => word);

/** The interface. An unknown word is refused: leaving out a denial that was meant is worse than an error. */
export function policyInterface({ database }: Manager): Served {
  const methods: ComCitrixXenclientPolicyHandlers['methods'] = {
    enforce: (text, value) =>
      database.transact((draft) => {
        const uuid = knownUuid(draft, text);
        const denied = wordsOf(value);
        for (const [word, key] of POLICIES) {
          draft.write(`/vm/${uuid}/policies/${key}`, String(!denied.includes(word)));
        }
      }),
    retrieve: (text) => {
      const view = database.view();
      const settings = vmSettings(view, knownUuid(view, text));
      return POLICIES.filter(([, , property]) => !settings.flag(property))
        .map(([word]) => word)
        .join(';');
    },
  };
  return { description: ComCitrixXenclientPolicyDescription, implementation: { methods } };
}

function wordsOf(value: string): readonly string[] {
  const words = value
    .split(';')
    .map((word) => word.trim())
    .filter((word) => word !== '');
  const unknown = words.find((word) => !WORDS.includes(word));
  if (unknown === undefined) return words;
  throw new ManagerError('BAD_VALUE', {
    message: `There is no policy ${JSON.stringify(unknown)}; there are ${WORDS.join(', ')}`,
  });
}
