/** `com.citrix.xenclient.xenmgr` and its unrestricted twin, at the root: the list of VMs, and new ones. */
import {
  ComCitrixXenclientXenmgrDescription,
  ComCitrixXenclientXenmgrUnrestrictedDescription,
  type ComCitrixXenclientXenmgrHandlers,
  type ComCitrixXenclientXenmgrUnrestrictedHandlers,
} from '../generated/xenmgr.ts';
import type { View } from '../db/view.ts';
import { createVhd } from '../disks/disks.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import type { Served } from '../objects/object-set.ts';
import { checkedUuid, vmPath } from '../objects/paths.ts';
import { listTemplates, readTemplate, templateKind } from '../templates/templates.ts';
import { createVm, type CreateRequest } from '../vms/create-vm.ts';
import { deleteVm } from '../vms/delete-vm.ts';
import { vmUuids } from '../vms/slots.ts';

const DEFAULT_TEMPLATE = 'new-vm';
const CHILD_PREFIX = 'child-';

/** Both interfaces. */
export function rootInterfaces(manager: Manager): readonly Served[] {
  return [
    {
      description: ComCitrixXenclientXenmgrDescription,
      implementation: { methods: rootMethods(manager) },
    },
    {
      description: ComCitrixXenclientXenmgrUnrestrictedDescription,
      implementation: { methods: unrestrictedMethods(manager) },
    },
  ];
}

function rootMethods(manager: Manager): ComCitrixXenclientXenmgrHandlers['methods'] {
  const { database, life, places } = manager;
  const create = async (request: CreateRequest): Promise<string> =>
    vmPath(await createVm(manager, request));
  return {
    create_vhd: (sizeMib) => createVhd(manager, sizeMib),
    create_vm: () => create({ template: DEFAULT_TEMPLATE }),
    create_vm_with_template: (template) => create({ template }),
    create_vm_with_template_and_json: (template, json) => create({ template, json }),
    create_vm_with_template_and_uuid: (template, uuid) => create({ template, uuid }),
    create_vm_with_ui: (template, name, description, imagePath) =>
      create({ template, typed: { name, description, imagePath } }),
    find_vm_by_domid: (domid) => {
      const uuid = vmUuids(database.view()).find((one) => domid >= 0 && life.domid(one) === domid);
      if (uuid !== undefined) return vmPath(uuid);
      throw new ManagerError('NOT_FOUND', { message: `No VM runs as domain ${domid}` });
    },
    find_vm_by_uuid: (text) => vmPath(knownUuid(database.view(), text)),
    list_child_service_vm_templates: async () =>
      (await listTemplates(places.templates))
        .filter((name) => templateKind(name) === 'child')
        .map((name) => name.slice(CHILD_PREFIX.length)),
    list_domids: () =>
      vmUuids(database.view())
        .map((uuid) => life.domid(uuid))
        .filter((domid) => domid >= 0),
    list_extension_packs: () => extensionPacks(database.view()),
    list_templates: async () =>
      (await listTemplates(places.templates)).filter((name) => templateKind(name) !== 'service'),
    list_ui_templates: () => selectableTemplates(manager),
    list_vms: () => vmUuids(database.view()).map(vmPath),
  };
}

function unrestrictedMethods(
  manager: Manager,
): ComCitrixXenclientXenmgrUnrestrictedHandlers['methods'] {
  const isUnrestricted = true;
  return {
    unrestricted_create_vm: async () =>
      vmPath(await createVm(manager, { template: DEFAULT_TEMPLATE, isUnrestricted })),
    unrestricted_create_vm_with_template_and_json: async (template, json) =>
      vmPath(await createVm(manager, { template, json, isUnrestricted })),
    unrestricted_delete_vm: (text) =>
      deleteVm(manager, knownUuid(manager.database.view(), text), { isUnrestricted }),
  };
}

/** The uuid of a VM that exists, from a caller's text. Throws BAD_VALUE, NOT_FOUND. */
export function knownUuid(view: View, text: string): string {
  const uuid = checkedUuid(text);
  if (view.exists(`/vm/${uuid}`)) return uuid;
  throw new ManagerError('NOT_FOUND', { message: `There is no VM ${uuid}`, context: { uuid } });
}

const PACK_FIELDS = ['vendor', 'name', 'description', 'version', 'image'];

function extensionPacks(view: View): readonly ReadonlyMap<string, string>[] {
  return view.list('/extpack').map((id) => {
    const fields = PACK_FIELDS.map(
      (name) => [name, view.read(`/extpack/${id}/${name}`) ?? ''] as const,
    );
    return new Map([['id', id], ...fields]);
  });
}

/** A template that is damaged is left out, with a line in the log, so that it does not hide the others. */
async function selectableTemplates({
  places,
  log,
}: Manager): Promise<readonly ReadonlyMap<string, string>[]> {
  const names = await listTemplates(places.templates);
  const found: ReadonlyMap<string, string>[] = [];
  for (const name of names.filter((one) => templateKind(one) === 'user')) {
    try {
      const { isSelectable, description } = await readTemplate(places.templates, name);
      if (isSelectable) found.push(new Map(Object.entries({ template: name, description })));
    } catch (error) {
      log.log('warn', `The template ${name} is left out`, error);
    }
  }
  return found;
}
