import { ConfigError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { domainPath } from '../xenstore/path.ts';
import { getDomain } from './record.ts';

/** Sends a Linux guest one of its emergency keys. Rejects with CONFIG_BAD_VALUE unless `key` is one visible character, or DOMAIN_NOT_FOUND. */
export async function sendSysrq(host: Host, domid: Domid, key: string): Promise<void> {
  if (!/^[!-~]$/.test(key)) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `A key is one visible character, not ${JSON.stringify(key.slice(0, 16))}`,
      context: { key: key.slice(0, 16) },
    });
  }
  await getDomain(host, domid);
  await host.store.write(domainPath(domid, 'control/sysrq'), key);
}
