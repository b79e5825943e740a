/** `com.citrix.xenclient.xenmgr.diag`, `.guestreq` and `.testing`: what guests and support have to say. */
import {
  ComCitrixXenclientXenmgrDiagDescription,
  ComCitrixXenclientXenmgrGuestreqDescription,
  ComCitrixXenclientXenmgrTestingDescription,
  type ComCitrixXenclientXenmgrDiagHandlers,
  type ComCitrixXenclientXenmgrGuestreqHandlers,
  type ComCitrixXenclientXenmgrTestingHandlers,
} from '../generated/xenmgr.ts';
import { domid as checkedDomid } from '@xenops/core/ids';
import { domainPath } from '@xenops/core/xenstore/path';
import type { Manager } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { agentOf } from '../peers/agent-sender.ts';
import type { Served } from '../objects/object-set.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { GuestDiagnostics } from './guest-diagnostics.ts';

const REPORT_TIMEOUT_MS = 600_000;
const SCRIPTS_MAX = 1000;
/** How often one guest may ask for attention. */
const ATTENTION_INTERVAL_MS = 1000;

/** The three interfaces. */
export function diagInterfaces(manager: Manager): readonly Served[] {
  return [
    {
      description: ComCitrixXenclientXenmgrDiagDescription,
      implementation: { methods: diagMethods(manager) },
    },
    {
      description: ComCitrixXenclientXenmgrGuestreqDescription,
      implementation: { methods: guestMethods(manager) },
    },
    {
      description: ComCitrixXenclientXenmgrTestingDescription,
      implementation: { methods: testingMethods() },
    },
  ];
}

function diagMethods(manager: Manager): ComCitrixXenclientXenmgrDiagHandlers['methods'] {
  const { run } = manager;
  const guests = new GuestDiagnostics(manager);
  return {
    save: (mode) => guests.save(mode),
    gather: (name, data) => guests.gather(name, data),
    create_status_report: async (hasScreenshots, hasGuests, ...texts) => {
      // The tool reads what a person has typed from its input: it has no place on a command line.
      const [summary, description, steps, ticket] = texts.map(String);
      const report = JSON.stringify({ summary, description, steps, ticket });
      const args = [
        hasScreenshots ? '--screenshots' : '--no-screenshots',
        hasGuests ? '--vm-diagnostics' : '--no-vm-diagnostics',
        ...['--quiet', '--print-tarball'],
      ];
      const options = { input: report, timeoutMs: REPORT_TIMEOUT_MS };
      return (await run('status-tool', args, options)).trim();
    },
    status_report_screen: (isShown) => showReportScreen(manager, isShown),
    taas_agree_terms: noSupportSite,
    taas_authenticate_credentials: noSupportSite,
    taas_upload: noSupportSite,
  };
}

/** The site that these methods talked to is no more. */
function noSupportSite(): never {
  throw new ManagerError('NETWORK_DOWN', {
    message:
      'The support site that reports were sent to no longer exists; keep the report as a file',
  });
}

async function showReportScreen(
  { database, host, life }: Manager,
  isShown: boolean,
): Promise<void> {
  const view = database.view();
  const screen = vmUuids(view).find(
    (uuid) => vmSettings(view, uuid).flag('provides-graphics-fallback') && life.domid(uuid) >= 0,
  );
  if (screen === undefined) {
    throw new ManagerError('VM_NOT_READY', { message: 'No VM that shows the report screen runs' });
  }
  const node = domainPath(checkedDomid(life.domid(screen)), 'report', 'state');
  await host.store.write(node, isShown ? '1' : '0');
}

function guestMethods(manager: Manager): ComCitrixXenclientXenmgrGuestreqHandlers['methods'] {
  const { clock } = manager.host.services;
  const last = new Map<string, number>();
  return {
    request_attention: async ({ sender }) => {
      const uuid = await agentOf(manager, sender);
      if (uuid === undefined) return;
      const now = clock.nowMs();
      if (now - (last.get(uuid) ?? -Infinity) < ATTENTION_INTERVAL_MS) return;
      last.set(uuid, now);
      manager.announce.requestedAttention(uuid);
    },
  };
}

/** A queue of texts for tests of the product. Taking from an empty one waits no longer than a caller does. */
function testingMethods(): ComCitrixXenclientXenmgrTestingHandlers['methods'] {
  const scripts: string[] = [];
  return {
    script_queue: (script) => {
      if (scripts.length >= SCRIPTS_MAX) {
        throw new ManagerError('BAD_VALUE', { message: `${SCRIPTS_MAX} scripts wait already` });
      }
      scripts.push(script);
    },
    script_dequeue: () => {
      const script = scripts.shift();
      if (script !== undefined) return script;
      throw new ManagerError('NOT_FOUND', { message: 'No script waits; queue one first' });
    },
  };
}
