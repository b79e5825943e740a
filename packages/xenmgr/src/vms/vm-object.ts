/** VMs on the bus: `com.citrix.xenclient.xenmgr.vm` and its unrestricted twin. */
import {
  ComCitrixXenclientXenmgrVmDescription,
  ComCitrixXenclientXenmgrVmUnrestrictedDescription,
  type ComCitrixXenclientXenmgrVmHandlers,
} from '../generated/xenmgr_vm.ts';
import { addDisk } from '../disks/disks.ts';
import {
  addArgoRule,
  addNetworkRule,
  argoRules,
  deleteArgoRule,
  deleteNetworkRule,
  networkRules,
} from '../firewall/stored-rules.ts';
import type { Draft } from '../db/view.ts';
import { assertCanDependOn } from '../life/dependencies.ts';
import type { Manager } from '../manager/manager.ts';
import { addNic } from '../nics/nics.ts';
import type { Served } from '../objects/object-set.ts';
import { diskPath, nicPath, uuidAt, vmPath } from '../objects/paths.ts';
import { settingsGate } from '../objects/policy-gate.ts';
import {
  propertyHandlers,
  type PropertyOptions,
  type SetEffect,
} from '../objects/property-handlers.ts';
import { VM_PROPERTIES, VM_UNRESTRICTED_PROPERTIES } from '../properties/properties.ts';
import { diskSettings, nicSettings, vmSettings } from '../vm-config/vm-settings.ts';
import { createVm } from './create-vm.ts';
import { deleteVm } from './delete-vm.ts';
import { readIcon } from './icon.ts';
import { readKey, writeGuestKey, writeSettingKey } from './raw-keys.ts';
import { isUserVm, makeSlotFree, vmUuids } from './slots.ts';
import { vmComputedSources } from './vm-computed.ts';

/** Both interfaces of all VMs. Whoever follows the database tells of new values on both, however they got there. */
export function vmInterfaces(manager: Manager): readonly Served[] {
  const options: Omit<PropertyOptions<string>, 'rows'> = {
    database: manager.database,
    targetOf: uuidAt,
    nodeOf: (uuid) => `/vm/${uuid}`,
    computed: vmComputedSources(manager),
    effects: setEffects(manager),
  };
  return [
    {
      description: ComCitrixXenclientXenmgrVmDescription,
      implementation: {
        methods: { ...lifeMethods(manager), ...settingMethods(manager) },
        properties: propertyHandlers({ ...options, rows: VM_PROPERTIES, gate: settingsGate }),
        tellsChanges: true,
      },
    },
    {
      description: ComCitrixXenclientXenmgrVmUnrestrictedDescription,
      implementation: {
        properties: propertyHandlers({ ...options, rows: VM_UNRESTRICTED_PROPERTIES }),
        tellsChanges: true,
      },
    },
  ];
}

type Methods = ComCitrixXenclientXenmgrVmHandlers['methods'];
type LifeMethod =
  | ('start' | 'start_internal' | 'shutdown' | 'destroy' | 'reboot' | 'sleep' | 'resume')
  | ('hibernate' | 'pause' | 'unpause' | 'suspend_to_file' | 'resume_from_file' | 'switch')
  | ('delete' | 'create_child_service_vm');

function lifeMethods(manager: Manager): Pick<Methods, LifeMethod> {
  const { life } = manager;
  return {
    start: (call) => life.start(uuidAt(call.path)),
    start_internal: (call) => life.start(uuidAt(call.path), { isInternal: true }),
    shutdown: (call) => life.shutdown(uuidAt(call.path)),
    destroy: (call) => life.destroy(uuidAt(call.path)),
    reboot: (call) => life.reboot(uuidAt(call.path)),
    sleep: (call) => life.sleep(uuidAt(call.path)),
    resume: (call) => life.resume(uuidAt(call.path)),
    hibernate: (call) => life.hibernate(uuidAt(call.path)),
    pause: (call) => life.pause(uuidAt(call.path)),
    unpause: (call) => life.unpause(uuidAt(call.path)),
    suspend_to_file: (file, call) => life.suspendToFile(uuidAt(call.path), file),
    resume_from_file: (file, call) => life.resumeFromFile(uuidAt(call.path), file),
    switch: (call) => life.switchTo(uuidAt(call.path)),
    delete: (call) => deleteVm(manager, uuidAt(call.path)),
    create_child_service_vm: async (template, call) =>
      vmPath(await createVm(manager, { template, parent: uuidAt(call.path) })),
  };
}

function settingMethods(manager: Manager): Omit<Methods, LifeMethod> {
  const { database, places } = manager;
  /** Changes settings of a VM, if its policy allows. */
  const change = (path: string, act: (draft: Draft, uuid: string) => void): Promise<void> =>
    database.transact((draft) => {
      const uuid = uuidAt(path);
      settingsGate(draft, uuid);
      act(draft, uuid);
    });
  return {
    add_disk: async ({ path }) => diskPath(uuidAt(path), await addDisk(manager, uuidAt(path))),
    add_nic: async ({ path }) => nicPath(uuidAt(path), await addNic(manager, uuidAt(path))),
    list_disks: ({ path }) => {
      const uuid = uuidAt(path);
      return diskSettings(database.view(), uuid).map(({ id }) => diskPath(uuid, id));
    },
    list_nics: ({ path }) => {
      const uuid = uuidAt(path);
      return nicSettings(database.view(), uuid).map(({ id }) => nicPath(uuid, id));
    },
    add_argo_firewall_rule: (rule, call) =>
      change(call.path, (draft, uuid) => addArgoRule(draft, uuid, rule)),
    delete_argo_firewall_rule: (rule, call) =>
      change(call.path, (draft, uuid) => deleteArgoRule(draft, uuid, rule)),
    list_argo_firewall_rules: (call) => argoRules(database.view(), uuidAt(call.path)),
    add_net_firewall_rule: (id, direction, remoteIp, extra, call) =>
      change(call.path, (draft, uuid) =>
        addNetworkRule(draft, uuid, { id, direction, remoteIp, extra }),
      ),
    delete_net_firewall_rule: (id, call) =>
      change(call.path, (draft, uuid) => deleteNetworkRule(draft, uuid, id)),
    list_net_firewall_rules: (call) =>
      networkRules(database.view(), uuidAt(call.path)).map(
        ({ id, direction, remoteIp, extra }) =>
          new Map(Object.entries({ id: String(id), direction, 'remote-ip': remoteIp, extra })),
      ),
    get_db_key: (key, call) => readKey(database.view(), `/vm/${uuidAt(call.path)}`, key),
    set_db_key: (key, value, call) =>
      database.transact((draft) => writeSettingKey(draft, uuidAt(call.path), key, value)),
    get_domstore_key: (key, call) =>
      readKey(database.view(), `/dom-store/${uuidAt(call.path)}`, key),
    set_domstore_key: (key, value, call) =>
      database.transact((draft) => writeGuestKey(draft, uuidAt(call.path), key, value)),
    read_icon: (call) => {
      const name = vmSettings(database.view(), uuidAt(call.path)).text('image-path');
      return readIcon(places.icons, name);
    },
  };
}

/** What setting a property does besides. */
function setEffects({ life, peers, log }: Manager): Readonly<Record<string, SetEffect<string>>> {
  return {
    slot: {
      with: (draft, uuid, slot: number) => makeSlotFree(draft, uuid, slot),
      async after(uuid, slot: number) {
        const domid = life.domid(uuid);
        if (domid < 0) return;
        await peers.input.setSlot(domid, slot).catch((error: unknown) => {
          log.child({ vm: uuid }).log('warn', 'The input daemon does not know the new slot', error);
        });
      },
    },
    'depends-on': {
      with: (draft, uuid, list: string) => assertCanDependOn(draft, uuid, list),
    },
    'native-experience': {
      // One VM has the machine for itself.
      with: (draft, uuid) => {
        for (const other of vmUuids(draft)) {
          if (other === uuid || !vmSettings(draft, other).flag('native-experience')) continue;
          if (isUserVm(draft, other)) draft.write(`/vm/${other}/native-experience`, 'false');
        }
      },
    },
  };
}
