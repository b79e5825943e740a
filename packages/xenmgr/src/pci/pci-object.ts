/** `com.citrix.xenclient.xenmgr.vm.pci`: which devices of the host a VM gets. */
import {
  ComCitrixXenclientXenmgrVmPciDescription,
  type ComCitrixXenclientXenmgrVmPciHandlers,
} from '../generated/xenmgr_vm.ts';
import { hex4, PciNames } from '../host/pci-devices.ts';
import type { Manager } from '../manager/manager.ts';
import type { Served } from '../objects/object-set.ts';
import { uuidAt } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import { ptDevices } from './pt-devices.ts';
import {
  addRule,
  deleteRule,
  formatRule,
  parseAddressRule,
  parseKindRule,
  ptRules,
  type PtRule,
} from './pt-rules.ts';
import type { Draft } from '../db/view.ts';

type Change = (draft: Draft, uuid: string, rule: PtRule) => void;

/** The interface. */
export function pciInterface(manager: Manager): Served {
  const { database, places } = manager;
  const names = new PciNames(places);
  const change = (act: Change, path: string, rule: PtRule): Promise<void> =>
    database.transact((draft) => {
      const uuid = uuidAt(path);
      settingsGate(draft, uuid);
      act(draft, uuid, rule);
    });
  const methods: ComCitrixXenclientXenmgrVmPciHandlers['methods'] = {
    add_pt_rule: (kind, vendor, device, { path }) =>
      change(addRule, path, parseKindRule(kind, vendor, device)),
    add_pt_rule_bdf: (address, { path }) => change(addRule, path, parseAddressRule(address)),
    delete_pt_rule: (kind, vendor, device, { path }) =>
      change(deleteRule, path, parseKindRule(kind, vendor, device)),
    delete_pt_rule_bdf: (address, { path }) => change(deleteRule, path, parseAddressRule(address)),
    list_pt_rules: ({ path }) =>
      ptRules(database.view(), uuidAt(path)).map(
        ({ id, rule }) => new Map(Object.entries({ id: String(id), rule: formatRule(rule) })),
      ),
    list_pt_pci_devices: async ({ path }) =>
      Promise.all(
        (await ptDevices(manager, uuidAt(path))).map(async ({ device }) => {
          const fields = {
            addr: device.address,
            name: await names.nameOf(device),
            class: hex4(device.class),
            'vendor-id': hex4(device.vendor),
            'device-id': hex4(device.device),
          };
          return new Map(Object.entries(fields));
        }),
      ),
  };
  return {
    description: ComCitrixXenclientXenmgrVmPciDescription,
    implementation: { methods },
  };
}
