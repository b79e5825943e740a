import { ConfigError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { Domid } from '../ids.ts';
import { domainPath } from '../xenstore/path.ts';
import { getDomain } from './record.ts';

/** Which vcpus the guest is told to have online, by number. */
export async function readOnlineVcpus(host: Host, domid: Domid): Promise<readonly boolean[]> {
  const { maxVcpuId } = await getDomain(host, domid);
  const numbers = Array.from({ length: maxVcpuId + 1 }, (_, vcpu) => vcpu);
  return Promise.all(
    numbers.map(
      async (vcpu) =>
        (await host.store.find(domainPath(domid, 'cpu', vcpu, 'availability'))) === 'online',
    ),
  );
}

/** Tells the guest to run on its first `count` vcpus; it obeys when its driver can. Rejects with CONFIG_BAD_VALUE or DOMAIN_NOT_FOUND. */
export async function setOnlineVcpus(host: Host, domid: Domid, count: number): Promise<void> {
  const { maxVcpuId } = await getDomain(host, domid);
  if (!Number.isInteger(count) || count < 1 || count > maxVcpuId + 1) {
    throw new ConfigError('CONFIG_BAD_VALUE', {
      message: `Domain ${domid} can have 1 to ${maxVcpuId + 1} vcpus online, not ${count}`,
      context: { domid, count },
    });
  }
  await host.store.transaction(async (tree) => {
    for (let vcpu = 0; vcpu <= maxVcpuId; vcpu += 1) {
      const availability = vcpu < count ? 'online' : 'offline';
      await tree.write(domainPath(domid, 'cpu', vcpu, 'availability'), availability);
    }
  });
}
