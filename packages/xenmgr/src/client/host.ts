/** The host, seen by a program. */
import type { Bus } from '@xenops/rpcgen/runtime';
import {
  ComCitrixXenclientXenmgrHostClient,
  ComCitrixXenclientXenmgrInstallerClient,
  ComCitrixXenclientXenmgrPowersettingsClient,
} from '../generated/xenmgr_host.ts';
import { HOST_PATH } from './names.ts';

/** The host. Its own methods and properties are those of `com.citrix.xenclient.xenmgr.host`. */
export class Host extends ComCitrixXenclientXenmgrHostClient {
  readonly installer: ComCitrixXenclientXenmgrInstallerClient;
  readonly power: ComCitrixXenclientXenmgrPowersettingsClient;

  constructor(bus: Bus, busName: string) {
    const target = { destination: busName, path: HOST_PATH };
    super(bus, target);
    this.installer = new ComCitrixXenclientXenmgrInstallerClient(bus, target);
    this.power = new ComCitrixXenclientXenmgrPowersettingsClient(bus, target);
  }
}
