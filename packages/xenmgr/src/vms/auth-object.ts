/** `com.citrix.xenclient.xenmgr.vm.auth`: the login that a VM needs before its disks can be opened. */
import {
  ComCitrixXenclientXenmgrVmAuthDescription,
  type ComCitrixXenclientXenmgrVmAuthHandlers,
} from '../generated/xenmgr_vm.ts';
import { isLoginNeeded } from '../life/authentication.ts';
import type { Manager } from '../manager/manager.ts';
import type { Served } from '../objects/object-set.ts';
import { uuidAt } from '../objects/paths.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';

/** The dialogue asks for this user alone, and for the purpose of one VM (bits 19 and 23 of the input daemon). */
const AUTH_FLAGS = 2 ** 19 + 2 ** 23;

/** The interface. */
export function authInterface({ database, peers, places }: Manager): Served {
  const methods: ComCitrixXenclientXenmgrVmAuthHandlers['methods'] = {
    auth: async (call) => {
      const user = vmSettings(database.view(), uuidAt(call.path)).text('crypto-user');
      if (user !== '') await peers.input.setAuthContext(user, '', AUTH_FLAGS);
    },
    auth_required: (call) => isLoginNeeded(database.view(), uuidAt(call.path), places),
  };
  return {
    description: ComCitrixXenclientXenmgrVmAuthDescription,
    implementation: { methods },
  };
}
