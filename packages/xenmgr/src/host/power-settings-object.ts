/** `com.citrix.xenclient.xenmgr.powersettings`: what closing the lid does. */
import {
  ComCitrixXenclientXenmgrPowersettingsDescription,
  type ComCitrixXenclientXenmgrPowersettingsHandlers,
} from '../generated/xenmgr_host.ts';
import type { Database } from '../db/database.ts';
import type { View } from '../db/view.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Served } from '../objects/object-set.ts';
import { findPowerAction, POWER_ACTIONS, type PowerAction } from './power-actions.ts';

type Supply = 'ac' | 'battery';

/** What closing the lid does on mains or on battery. */
export function lidAction(view: View, supply: Supply): PowerAction {
  return findPowerAction(view.read(keyOf(supply)) ?? '') ?? 'nothing';
}

function keyOf(supply: Supply): string {
  return `/power-management/${supply}-lid-close-action`;
}

/** The interface. */
export function powerSettingsInterface(database: Database): Served {
  const store = (supply: Supply, text: string): Promise<void> => {
    const action = findPowerAction(text);
    if (action === undefined) {
      throw new ManagerError('BAD_VALUE', {
        message: `The lid does one of ${POWER_ACTIONS.join(', ')}`,
      });
    }
    return database.transact((draft) => draft.write(keyOf(supply), action));
  };
  const methods: ComCitrixXenclientXenmgrPowersettingsHandlers['methods'] = {
    get_ac_lid_close_action: () => lidAction(database.view(), 'ac'),
    get_battery_lid_close_action: () => lidAction(database.view(), 'battery'),
    set_ac_lid_close_action: (action) => store('ac', action),
    set_battery_lid_close_action: (action) => store('battery', action),
  };
  return {
    description: ComCitrixXenclientXenmgrPowersettingsDescription,
    implementation: { methods },
  };
}
