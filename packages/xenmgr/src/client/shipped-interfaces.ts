/** Which interfaces of `idl/` stand at which object, so that nobody has to ask an object what it has. */
import type { InterfaceDescription } from '@xenops/rpcgen/runtime';
import { ComCitrixXenclientDbDescription } from '../generated/db.ts';
import { ComCitrixXenclientVmdiskDescription } from '../generated/vm_disk.ts';
import { ComCitrixXenclientVmnicDescription } from '../generated/vm_nic.ts';
import {
  ComCitrixXenclientPolicyDescription,
  ComCitrixXenclientXenmgrConfigDescription,
  ComCitrixXenclientXenmgrConfigUiDescription,
  ComCitrixXenclientXenmgrDescription,
  ComCitrixXenclientXenmgrDiagDescription,
  ComCitrixXenclientXenmgrGuestreqDescription,
  ComCitrixXenclientXenmgrTestingDescription,
  ComCitrixXenclientXenmgrUnrestrictedDescription,
} from '../generated/xenmgr.ts';
import {
  ComCitrixXenclientXenmgrHostDescription,
  ComCitrixXenclientXenmgrInstallerDescription,
  ComCitrixXenclientXenmgrPowersettingsDescription,
} from '../generated/xenmgr_host.ts';
import {
  ComCitrixXenclientXenmgrVmAuthDescription,
  ComCitrixXenclientXenmgrVmDescription,
  ComCitrixXenclientXenmgrVmPciDescription,
  ComCitrixXenclientXenmgrVmProductDescription,
  ComCitrixXenclientXenmgrVmUnrestrictedDescription,
} from '../generated/xenmgr_vm.ts';
import { DATABASE_BUS_NAME, XENMGR_BUS_NAME } from './names.ts';

/** Objects of one kind. */
export interface ObjectKind {
  readonly busName: string;
  readonly path: RegExp;
  /** In the order of the IDL, which decides between interfaces that have the same member. */
  readonly interfaces: readonly InterfaceDescription[];
}

/** Every kind of object, in the order in which help shows them. */
export const OBJECT_KINDS: readonly ObjectKind[] = [
  {
    busName: XENMGR_BUS_NAME,
    path: /^\/$/,
    interfaces: [
      ComCitrixXenclientPolicyDescription,
      ComCitrixXenclientXenmgrDescription,
      ComCitrixXenclientXenmgrConfigDescription,
      ComCitrixXenclientXenmgrConfigUiDescription,
      ComCitrixXenclientXenmgrDiagDescription,
      ComCitrixXenclientXenmgrGuestreqDescription,
      ComCitrixXenclientXenmgrTestingDescription,
      ComCitrixXenclientXenmgrUnrestrictedDescription,
    ],
  },
  {
    busName: XENMGR_BUS_NAME,
    path: /^\/host$/,
    interfaces: [
      ComCitrixXenclientXenmgrHostDescription,
      ComCitrixXenclientXenmgrInstallerDescription,
      ComCitrixXenclientXenmgrPowersettingsDescription,
    ],
  },
  {
    busName: XENMGR_BUS_NAME,
    path: /^\/vm\/[^/]+$/,
    interfaces: [
      ComCitrixXenclientXenmgrVmDescription,
      ComCitrixXenclientXenmgrVmAuthDescription,
      ComCitrixXenclientXenmgrVmPciDescription,
      ComCitrixXenclientXenmgrVmProductDescription,
      ComCitrixXenclientXenmgrVmUnrestrictedDescription,
    ],
  },
  {
    busName: XENMGR_BUS_NAME,
    path: /^\/vm\/[^/]+\/disk\/\d+$/,
    interfaces: [ComCitrixXenclientVmdiskDescription],
  },
  {
    busName: XENMGR_BUS_NAME,
    path: /^\/vm\/[^/]+\/nic\/\d+$/,
    interfaces: [ComCitrixXenclientVmnicDescription],
  },
  {
    busName: DATABASE_BUS_NAME,
    path: /^\/$/,
    interfaces: [ComCitrixXenclientDbDescription],
  },
];

/** The interfaces of an object, or none for one that the IDL does not know. */
export function shippedInterfaces(busName: string, path: string): readonly InterfaceDescription[] {
  const kind = OBJECT_KINDS.find((one) => one.busName === busName && one.path.test(path));
  return kind?.interfaces ?? [];
}
