/** Nodes of a stub domain and of the guest that it serves, as libxl writes them (libxl_dm.c, `libxl__spawn_stub_dm`). Pure. */
import { DOM0, type Domid, type VmUuid } from '../ids.ts';
import type { NodeWrite, TreeChange } from '../xenstore/nodes.ts';
import { backendPath, domainPath, ownRecordPath, vmPath } from '../xenstore/path.ts';
import { ownedBy } from '../xenstore/permissions.ts';

/** A domain, and what outlives its domid. */
export interface NamedDomain {
  readonly domid: Domid;
  readonly uuid: VmUuid;
}

/** Nodes of a stub domain's first console, which is the log of its qemu: a file that qemu in Dom0 writes, in place of xenconsoled's terminal. */
export function logConsole(logPath: string): Readonly<Record<string, string>> {
  return { 'console/type': 'ioemu', 'console/output': `file:${logPath}`, 'console/tty': '' };
}

/** Who serves whom with which arguments: for both of them, for xl, and on our own record, by which the stub is destroyed. */
export function stubTree({
  stub,
  target,
  argv,
}: {
  readonly stub: NamedDomain;
  readonly target: NamedDomain;
  readonly argv: readonly string[];
}): TreeChange {
  const argvPath = vmPath(target.uuid, 'image/dm-argv');
  return {
    rm: [],
    write: [
      { path: ownRecordPath(target.domid, 'stub-domain'), value: `${stub.domid} ${stub.uuid}` },
      { path: argvPath, permissions: ownedBy(DOM0, stub.domid) },
      ...argv.map((value, index) => ({
        path: `${argvPath}/${String(index + 1).padStart(3, '0')}`,
        value,
      })),
      { path: domainPath(target.domid, 'image/device-model-domid'), value: String(stub.domid) },
      { path: domainPath(stub.domid, 'target'), value: String(target.domid) },
      {
        path: domainPath(stub.domid, 'device-model', target.domid),
        permissions: ownedBy(stub.domid, target.domid),
      },
      clockNode(stub.domid, target),
      ...consoleBackend(stub.domid),
    ],
  };
}

/** Where qemu writes how far the guest's clock is from the host's. */
function clockNode(stub: Domid, target: NamedDomain): NodeWrite {
  return {
    path: vmPath(target.uuid, 'rtc/timeoffset'),
    value: '',
    permissions: {
      owner: DOM0,
      others: 'none',
      listed: [
        { domid: target.domid, access: 'read' },
        { domid: stub, access: 'both' },
      ],
    },
  };
}

/** By which the qemu in Dom0 finds the first console, which has no such folder where xenconsoled serves it. */
function consoleBackend(stub: Domid): readonly NodeWrite[] {
  const back = backendPath({ backend: DOM0, kind: 'console', frontend: stub }, 0);
  const keys = {
    frontend: domainPath(stub, 'console'),
    'frontend-id': String(stub),
    online: '1',
    state: '1',
    protocol: 'vt100',
  };
  return [
    { path: back, permissions: ownedBy(DOM0, stub) },
    ...Object.entries(keys).map(([key, value]) => ({ path: `${back}/${key}`, value })),
  ];
}
