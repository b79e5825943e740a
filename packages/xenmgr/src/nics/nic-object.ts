/** Network interfaces on the bus. */
import {
  ComCitrixXenclientVmnicDescription,
  type ComCitrixXenclientVmnicHandlers,
} from '../generated/vm_nic.ts';
import type { Manager } from '../manager/manager.ts';
import type { Served } from '../objects/object-set.ts';
import { deviceAt, type DeviceId } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import { propertyHandlers } from '../objects/property-handlers.ts';
import { NIC_PROPERTIES } from '../properties/properties.ts';
import { moveLiveNic } from './move-nic.ts';
import { macOf, nicNode, nicOf, removeNic } from './nics.ts';

/** The interface of all NICs. */
export function nicInterface(manager: Manager): Served {
  const { database } = manager;
  const methods: ComCitrixXenclientVmnicHandlers['methods'] = {
    delete: (call) => removeNic(manager, deviceAt(call.path)),
  };
  const properties = propertyHandlers<DeviceId>({
    database,
    rows: NIC_PROPERTIES,
    targetOf: deviceAt,
    nodeOf: ({ uuid, id }) => nicNode(uuid, id),
    gate: (view, { uuid }) => settingsGate(view, uuid),
    effects: {
      network: { after: (nic, network: string) => moveLiveNic(manager, nic, network) },
    },
    computed: {
      'mac-actual': {
        get: ({ uuid, id }) => macOf(uuid, { id, settings: nicOf(database.view(), uuid, id) }),
      },
    },
  });
  return {
    description: ComCitrixXenclientVmnicDescription,
    implementation: { methods, properties },
  };
}
