/** What guests say of themselves: agents, PV drivers, clocks. All of it is text of the guest, and is checked. */
import { domid as domidOf } from '@xenops/core/ids';
import { findMany, applyTreeChange, type NodeWrite } from '@xenops/core/xenstore';
import { domainPath } from '@xenops/core/xenstore/path';
import { recordOf, settingsOf, type LifeContext } from './context.ts';
import type { Reaction } from './reactions.ts';

const ADDONS = 'attr/PVAddons';
const UNINSTALLED = 'attr/PVAddonsUninstalled';
const VERSION_NODES = ['MajorVersion', 'MinorVersion', 'MicroVersion', 'BuildVersion'] as const;
const NUMBER = /^\d{1,9}$/;

/** An agent that starts is told which PV drivers it stands for; one that is removed takes them with it. */
export const agentReaction: Reaction = (life, record) => async (event) => {
  if (record.domid < 0) return;
  const path = (...below: readonly string[]): string => domainPath(domidOf(record.domid), ...below);
  if (event.kind === 'agent-started') {
    const parts = (life.options.toolsVersion ?? '').split('.');
    if (parts.length !== VERSION_NODES.length || !parts.every((part) => NUMBER.test(part))) return;
    const values = [
      ...VERSION_NODES.map((name, at) => [name, parts[at] ?? '']),
      ['Installed', '1'],
    ];
    const write = values.map(([name = '', value = '']): NodeWrite => ({
      path: path(ADDONS, name),
      value,
    }));
    await applyTreeChange(life.host.store, { rm: [], write });
  }
  if (event.kind === 'agent-uninstalled') {
    const write = [{ path: path(UNINSTALLED), value: '1' }];
    await applyTreeChange(life.host.store, { rm: [path(ADDONS)], write });
  }
};

/** Stores whether the guest has PV drivers, and which. */
export const addonsReaction: Reaction = (life, record) => async (event) => {
  if (event.kind !== 'pv-addons') return;
  record.hasUnreadAddons = false;
  const { uuid, domid } = record;
  if (domid < 0) return;
  const names = [
    UNINSTALLED,
    ...['Installed', ...VERSION_NODES].map((name) => `${ADDONS}/${name}`),
  ];
  const paths = names.map((name) => domainPath(domidOf(domid), name));
  const [uninstalled, installed, ...parts] = await findMany(life.host.store, paths);
  if (uninstalled === '1') await storeAddons(life, uuid, false, '');
  else if (installed === '1') {
    const isWhole = parts.every((part) => part !== undefined && NUMBER.test(part));
    await storeAddons(life, uuid, true, isWhole ? parts.join('.') : undefined);
  }
};

async function storeAddons(
  life: LifeContext,
  uuid: string,
  isInstalled: boolean,
  version: string | undefined,
): Promise<void> {
  const settings = settingsOf(life, uuid);
  const isSame =
    settings.flag('pv-addons') === isInstalled &&
    (version === undefined || settings.text('pv-addons-version') === version);
  if (isSame) return;
  await life.database.transact((draft) => {
    if (!draft.exists(`/vm/${uuid}`)) return;
    draft.write(`/vm/${uuid}/pv-addons-installed`, String(isInstalled));
    if (version !== undefined) draft.write(`/vm/${uuid}/pv-addons-version`, version);
  });
}

/** Stores what the guest's clock differs by. */
export const clockReaction: Reaction = (life, record) => async (event) => {
  if (event.kind !== 'rtc') return;
  const { uuid, clockOffsetSeconds } = record;
  record.clockOffsetSeconds = undefined;
  if (clockOffsetSeconds === undefined) return;
  if (settingsOf(life, uuid).number('time-offset') === clockOffsetSeconds) return;
  await life.database.transact((draft) => {
    if (!draft.exists(`/vm/${uuid}`)) return;
    draft.write(`/vm/${uuid}/time-offset`, String(clockOffsetSeconds));
  });
};

/** Nodes of a domain that guests write and that are followed; a slash at the end means everything below. */
export const GUEST_NODES: readonly string[] = [`${ADDONS}/`, UNINSTALLED, 'power-state'];

/** Notes what a guest has said; only the last of several that nobody has looked at counts. */
export function noteGuestNode(
  life: Pick<LifeContext, 'records'>,
  uuid: string,
  node: string,
  value: string | undefined,
): void {
  const record = recordOf(life, uuid);
  if (node === 'power-state') {
    if (value === undefined) record.isAcpiOld = false;
    if (value !== undefined && /^[0345]$/.test(value)) noteAcpi(life, uuid, Number(value));
    return;
  }
  if (record.hasUnreadAddons) return;
  record.hasUnreadAddons = record.post({ kind: 'pv-addons' });
}

/** Notes the power state that a guest tells. */
export function noteAcpi(life: Pick<LifeContext, 'records'>, uuid: string, state: number): void {
  const record = recordOf(life, uuid);
  if (record.acpi === state) return;
  record.acpi = state;
  if (!record.isAcpiOld) record.post({ kind: 'acpi', state });
  record.isAcpiOld = false;
  record.changed();
}

/** Notes the clock that a guest has set. */
export function noteClock(
  life: Pick<LifeContext, 'records'>,
  uuid: string,
  offsetSeconds: number,
): void {
  const record = recordOf(life, uuid);
  const isWaiting = record.clockOffsetSeconds !== undefined;
  record.clockOffsetSeconds = offsetSeconds;
  if (!isWaiting) record.post({ kind: 'rtc' });
}
