/** New VMs, from templates. */
import { randomUUID } from 'node:crypto';
import type { Draft } from '../db/view.ts';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostGate } from '../objects/policy-gate.ts';
import { checkedUuid } from '../objects/paths.ts';
import {
  mergeJson,
  parseJsonObject,
  readTemplate,
  settingsNode,
  type JsonObject,
  type JsonValue,
} from '../templates/templates.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { deleteNodes } from './delete-vm.ts';
import { freeSlot } from './slots.ts';

/** What a VM is made of. */
export interface CreateRequest {
  /** The name of a template; empty for none. */
  readonly template: string;
  /** A JSON object that wins over the template; empty for none. */
  readonly json?: string;
  readonly uuid?: string;
  /** What a user has typed; the name counts where the template has none. */
  readonly typed?: {
    readonly name: string;
    readonly description: string;
    readonly imagePath: string;
  };
  /** Whether the policy of the host is not asked. */
  readonly isUnrestricted?: boolean;
  /** The VM that a child belongs to. */
  readonly parent?: string;
}

/** Settings that only a template has a use for; the VM gets its own. */
const PARENT_UUID = '${PARENT_UUID}';
const OWN_UUID = '${UUID}';
const CHILD_PREFIX = 'child-';

/**
 * Creates a VM and gives its uuid. Rejects with ManagerError; nothing of the VM is left then. A hook that fails counts:
 * what it was to prepare is not there.
 */
export async function createVm(manager: Manager, request: CreateRequest): Promise<string> {
  const template = await readSettings(manager, request);
  const uuid = uuidOf(request, template.settings);
  await manager.database.transact((draft) => {
    if (request.isUnrestricted !== true) hostGate(draft, 'creation');
    insert(draft, uuid, request, template.settings);
    if (request.parent !== undefined && template.parentOverride !== undefined) {
      override(draft, request.parent, uuid, template.parentOverride);
    }
  });
  try {
    manager.life.added(uuid);
    await manager.life.runHook(uuid, 'run-post-create', [uuid]);
  } catch (error) {
    await manager.life.removed(uuid);
    await manager.database.transact((draft) => deleteNodes(draft, uuid));
    throw error;
  }
  manager.announce.vmCreated(uuid);
  return uuid;
}

interface Ingredients {
  readonly settings: JsonObject;
  readonly parentOverride: JsonObject | undefined;
}

async function readSettings(
  { places }: Manager,
  { template, json = '', parent }: CreateRequest,
): Promise<Ingredients> {
  const extra = json === '' ? {} : parseJsonObject('the settings', json);
  if (template === '') return { settings: extra, parentOverride: undefined };
  const name = parent === undefined ? template : `${CHILD_PREFIX}${template}`;
  const read = await readTemplate(places.templates, name);
  return { settings: mergeJson(read.settings, extra), parentOverride: read.parentOverride };
}

/** The caller's, else that of the template, else a random one. */
function uuidOf({ uuid }: CreateRequest, settings: JsonObject): string {
  const given = uuid ?? settings['uuid'];
  if (given === undefined) return randomUUID();
  return checkedUuid(typeof given === 'string' ? given : '');
}

function insert(draft: Draft, uuid: string, request: CreateRequest, settings: JsonObject): void {
  const base = `/vm/${uuid}`;
  if (draft.exists(base)) {
    throw new ManagerError('BAD_VALUE', {
      message: `There is a VM with the uuid ${uuid} already`,
      context: { uuid },
    });
  }
  const slot = request.parent === undefined ? slotFor(draft, settings) : undefined;
  draft.replace(base, settingsNode({ ...settings, uuid }));
  const { typed } = request;
  draft.write(`${base}/seamless-id`, uuid);
  if (slot !== undefined) draft.write(`${base}/slot`, String(slot));
  if (vmSettings(draft, uuid).text('name') === '') {
    draft.write(`${base}/name`, oneLine(typed?.name) || `name-${uuid}`);
  }
  if (typed === undefined) return;
  draft.write(`${base}/description`, oneLine(typed.description));
  draft.write(`${base}/image_path`, imagePath(typed.imagePath));
}

function slotFor(draft: Draft, settings: JsonObject): number | undefined {
  if (settings['slot'] !== undefined) return undefined;
  const slot = freeSlot(draft);
  if (slot !== undefined) return slot;
  throw new ManagerError('TOO_MANY_VMS', {
    message: 'All nine slots are taken; delete a VM, or give the new one the slot 0',
  });
}

function oneLine(text = ''): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ').trim();
}

function imagePath(text: string): string {
  const path = oneLine(text);
  if (!path.startsWith('/') && !path.split('/').includes('..')) return path;
  throw new ManagerError('BAD_VALUE', {
    message: 'The path of an icon is relative and has no ..',
  });
}

/** What the template of a child has for its parent. */
function override(draft: Draft, parent: string, uuid: string, settings: JsonObject): void {
  const filled = mapTexts(settings, (text) =>
    text.replaceAll(PARENT_UUID, parent).replaceAll(OWN_UUID, uuid),
  );
  const now = parseJsonObject('the parent', draft.dump(`/vm/${parent}`));
  // The texts of an object stay an object.
  draft.replace(`/vm/${parent}`, settingsNode(mergeJson(now, filled as JsonObject)));
}

function mapTexts(value: JsonValue, map: (text: string) => string): JsonValue {
  if (typeof value === 'string') return map(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item: JsonValue) => mapTexts(item, map));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]: [string, JsonValue]) => [key, mapTexts(item, map)]),
  );
}
