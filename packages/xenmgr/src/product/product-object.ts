/** `com.citrix.xenclient.xenmgr.vm.product`: properties of an appliance. */
import {
  ComCitrixXenclientXenmgrVmProductDescription,
  type ComCitrixXenclientXenmgrVmProductHandlers,
} from '../generated/xenmgr_vm.ts';
import type { Manager } from '../manager/manager.ts';
import type { Served } from '../objects/object-set.ts';
import { uuidAt } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import { environmentXml } from './environment.ts';
import { productProperties, readProduct, writeProduct } from './product-properties.ts';

/** The interface. */
export function productInterface({ database }: Manager): Served {
  const methods: ComCitrixXenclientXenmgrVmProductHandlers['methods'] = {
    get_ovf_env_xml: ({ path }) => environmentXml(database.view(), uuidAt(path)),
    get_product_property: (id, { path }) => readProduct(database.view(), uuidAt(path), id),
    set_product_property: (id, value, { path }) =>
      database.transact((draft) => {
        settingsGate(draft, uuidAt(path));
        writeProduct(draft, uuidAt(path), id, value);
      }),
    list_product_properties: ({ path }) =>
      productProperties(database.view(), uuidAt(path)).map((property) => {
        const fields = {
          ...{ id: property.id, type: property.type, key: property.key, class: property.class },
          ...{ instance: property.instance, label: '', description: property.description },
          'user-configurable': String(property.isUserConfigurable),
          password: String(property.isPassword),
        };
        return new Map(Object.entries(fields));
      }),
  };
  return {
    description: ComCitrixXenclientXenmgrVmProductDescription,
    implementation: { methods },
  };
}
