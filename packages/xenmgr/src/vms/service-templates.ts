/** Service VMs: those whose templates are there when the manager starts. */
import type { Draft, View } from '../db/view.ts';
import type { Surroundings } from '../manager/manager.ts';
import { checkedUuid } from '../objects/paths.ts';
import { listTemplates, readTemplate, settingsNode, templateKind } from '../templates/templates.ts';

const PREFIX = 'service-';
const USB = 'service-usbvm';
const NETWORK = 'service-ndvm';

/** What is kept of a service VM when its template is put over it: what was learnt about its disks. */
const KEPT_DISK_KEYS: readonly string[] = ['sha1sum', 'sha256sum'];

/**
 * Puts the template of each service VM into the database when there is no such VM, or `/xenmgr/overwrite-TAG-settings`
 * is true, so that what somebody has changed stays. A template that is damaged is logged and left out.
 */
export async function injectServiceVms({
  database,
  places,
  log,
}: Pick<Surroundings, 'database' | 'places' | 'log'>): Promise<void> {
  const names = await listTemplates(places.templates);
  const view = database.view();
  for (const name of names.filter((one) => templateKind(one) === 'service')) {
    if (!isChosen(view, name)) continue;
    try {
      const { settings } = await readTemplate(places.templates, name);
      const given = settings['uuid'];
      const uuid = checkedUuid(typeof given === 'string' ? given : '');
      const tag = name.slice(PREFIX.length);
      await database.transact((draft) => inject(draft, uuid, tag, settings));
    } catch (error) {
      log.log('error', `The service VM of the template ${name} is left out`, error);
    }
  }
}

/** Of the network's VM there are several kinds, of which one is chosen; the one for USB is there on demand. */
function isChosen(view: View, name: string): boolean {
  if (name === USB) return view.read('/xenmgr/usbvm-enable') === 'true';
  if (!name.startsWith(NETWORK)) return true;
  const mode = view.read('/xenmgr/ndvm-mode');
  return name === (mode === undefined ? NETWORK : `${NETWORK}-${mode}`);
}

function inject(
  draft: Draft,
  uuid: string,
  tag: string,
  settings: Parameters<typeof settingsNode>[0],
): void {
  const base = `/vm/${uuid}`;
  const isWanted = draft.read(`/xenmgr/overwrite-${tag}-settings`) === 'true';
  if (draft.exists(base) && !isWanted) return;
  const kept = draft.list(`${base}/config/disk`).flatMap((id) =>
    KEPT_DISK_KEYS.flatMap((key) => {
      const path = `${base}/config/disk/${id}/${key}`;
      const text = draft.read(path);
      return text === undefined ? [] : [{ disk: `${base}/config/disk/${id}`, path, text }];
    }),
  );
  draft.replace(base, settingsNode(settings));
  for (const { disk, path, text } of kept) if (draft.exists(disk)) draft.write(path, text);
}
