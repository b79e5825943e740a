/** Domains: list, create, change, run, destroy. */
import { bytesFromVmUuid, domid as parseDomid, evtchn } from '@xenops/core/ids';
import { shutdownCode, type Hypervisor } from '@xenops/core/hypervisor';
import { createArguments } from './addon-arguments.ts';
import { onDomain, onGuest, onHost, type Connection, type Verbs } from './connection.ts';
import type { DomainTable } from './domain-list-codec.ts';

type DomainVerb =
  | 'listDomains'
  | 'findDomain'
  | 'createDomain'
  | 'setHandle'
  | 'setMaxMemory'
  | 'allocUnboundEvtchn'
  | 'pause'
  | 'unpause'
  | 'shutdown'
  | 'destroy';

export interface DomainVerbs extends Verbs<
  Pick<Hypervisor, DomainVerb>,
  'createDomain' | 'destroy'
> {
  /**
   * The list of domains undecoded, for those who look at a few domains of many. A table that was given before is filled anew and
   * returned: a thousand domains then cost no more than the copy.
   */
  readonly domainTable: (table?: DomainTable) => DomainTable;
}

/** A domain of so many vcpus takes Xen less time to make than a thread takes to wake; more are made on one. */
const VCPUS_AT_ONCE_MAX = 4;

const LIST = onHost('list the domains');

/** The verbs of `Hypervisor` about domains. */
export function domainVerbs(connection: Connection): DomainVerbs {
  const domainTable = (table = connection.newTable()): DomainTable =>
    connection.call(LIST, (xc, addon) => {
      table.refill((records) => addon.listDomains(xc, records));
      return table;
    });
  const listed = connection.newTable();
  return {
    domainTable,
    listDomains: () => [...domainTable(listed)],
    findDomain: (domid) =>
      connection.call(onDomain('look up', domid), (xc) => connection.findDomain(xc, domid)),
    async createDomain(spec) {
      const { uuid, guestType, maxVcpus, domid } = spec;
      const context = { uuid, guestType, maxVcpus, ...(domid === undefined ? {} : { domid }) };
      const deed = onHost(`create a ${guestType} domain`, context);
      const created =
        maxVcpus <= VCPUS_AT_ONCE_MAX
          ? connection.call(deed, (xc, addon) => addon.createDomain(xc, createArguments(spec)))
          : await connection.run(deed, (xc, _, addon) =>
              addon.startCreateDomain(xc, createArguments(spec)),
            );
      return parseDomid(created);
    },
    setHandle(domid, uuid) {
      connection.call(onDomain('set the uuid of', domid), (xc, addon) => {
        addon.setHandle(xc, domid, bytesFromVmUuid(uuid));
      });
    },
    setMaxMemory(domid, maxMemoryKib) {
      connection.call(onDomain('limit the memory of', domid, { maxMemoryKib }), (xc, addon) => {
        addon.setMaxMemory(xc, domid, maxMemoryKib);
      });
    },
    allocUnboundEvtchn: (domid, remote) =>
      connection.call(onDomain('allocate an event channel in', domid, { remote }), (xc, addon) =>
        evtchn(addon.allocUnboundEvtchn(xc, domid, remote)),
      ),
    pause(domid) {
      connection.call(onGuest('pause', domid), (xc, addon) => {
        addon.pauseDomain(xc, domid);
      });
    },
    unpause(domid) {
      connection.call(onGuest('unpause', domid), (xc, addon) => {
        addon.unpauseDomain(xc, domid);
      });
    },
    shutdown(domid, reason) {
      connection.call(onGuest('shut down', domid, { reason }), (xc, addon) => {
        addon.shutdownDomain(xc, domid, shutdownCode(reason));
      });
    },
    async destroy(domid, options) {
      await connection.run(
        onGuest('destroy', domid),
        (xc, _, addon) => addon.startDestroyDomain(xc, domid),
        options,
      );
    },
  };
}
