/** The stream of what happens on the host. */
import { HostEvents, type HostEvent } from '@xenops/core/events';
import { XENBUS_STATE_NAMES } from '@xenops/core/devices';
import { printable } from '../output/error-report.ts';
import { command, type Command } from './command.ts';
import { DOMID, flag, NUMBER, optional, TEXT } from './option.ts';

export const eventCommands: readonly Command[] = [
  command({
    name: 'events',
    summary:
      'print what happens on the host until interrupted, first the domains that are there; JSON is one object a line',
    example: '--json',
    changes: false,
    options: {
      domid: optional({ ...DOMID, doc: 'only this domain' }),
      count: optional({ ...NUMBER, doc: 'stop after this many' }),
      nodes: optional({
        ...TEXT,
        doc: "nodes below each domain's root to tell changes of, with commas between them",
      }),
      'no-devices': flag('leave devices out'),
    },
    async run(host, values, { out, json, signal }) {
      const { domid, count, nodes } = values;
      await using events = await HostEvents.open(host, {
        devices: !values['no-devices'],
        extraNodes: nodes?.split(',').filter((node) => node !== ''),
      });
      const stop = (): void => void events[Symbol.asyncDispose]();
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted || count === 0) return;
      let shown = 0;
      for await (const event of events) {
        if (domid !== undefined && 'domid' in event && event.domid !== domid) continue;
        out.line(json ? JSON.stringify(event) : eventLine(event));
        shown += 1;
        if (shown === count) break;
      }
      signal.removeEventListener('abort', stop);
    },
  }),
];

/** One line, whatever guests and back-ends wrote. */
function eventLine(event: HostEvent): string {
  switch (event.kind) {
    case 'introduced':
      return `domain ${event.domid} introduced (${event.uuid})`;
    case 'shutdown':
      return `domain ${event.domid} shut down: ${event.reason}`;
    case 'released':
      return `domain ${event.domid} released${event.reason === undefined ? '' : `: ${event.reason}`}`;
    case 'device':
      return `${deviceEnd(event)} is ${event.state === undefined ? 'gone' : XENBUS_STATE_NAMES[event.state]}`;
    case 'device-error':
      return `${deviceEnd(event)} failed: ${printable(event.text)}`;
    case 'hotplug':
      return `${deviceEnd(event)} hotplug: ${printable(event.status)}`;
    case 'medium':
      return `${deviceEnd(event)} medium: ${event.params === '' ? 'none' : printable(event.params)}`;
    case 'rtc':
      return `VM ${event.uuid} clock: ${event.offsetSeconds} s from UTC`;
    case 'guest-agent':
      return `domain ${event.domid} agent: data changed`;
    case 'extra':
      return `domain ${event.domid} ${printable(event.node)}${event.value === undefined ? ' is gone' : `: ${printable(event.value)}`}`;
    case 'resync':
      return 'connection to xenstored restored: events may have been missed';
  }
}

function deviceEnd(event: Extract<HostEvent, { readonly end: string }>): string {
  return `domain ${event.domid} ${event.end} ${event.deviceKind} ${event.devid}`;
}
