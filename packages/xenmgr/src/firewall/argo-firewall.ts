/**
 * The rules between domains, applied: whenever a VM comes or goes, or a rule changes, the difference to what is open is
 * given to the filter of the hypervisor, and nothing else is. Whatever no rule opens is closed.
 */
import { domid as checkedDomid } from '@xenops/core/ids';
import { domainPath } from '@xenops/core/xenstore/path';
import type { LeafChange } from '../db/tree.ts';
import type { LifePart, VmLife } from '../life/life.ts';
import type { Surroundings } from '../manager/manager.ts';
import { ManagerError } from '../manager/manager-error.ts';
import { hostFlag } from '../objects/host-settings.ts';
import { vmSettings } from '../vm-config/vm-settings.ts';
import { vmUuids } from '../vms/slots.ts';
import { argoOpenings, type ArgoVm } from './argo-openings.ts';
import { parseArgoRule } from './argo-rule.ts';
import { argoRules } from './stored-rules.ts';

/** The tool of the filter, by the name it has always had. */
const PROGRAM = 'viptables';
/** Settings of a VM that decide what its rules, or those of others, mean. */
const MEANT: readonly string[] = ['argo-firewall-rules', 'name', 'type', 'seamless-traffic'];

type Around = Pick<Surroundings, 'database' | 'host' | 'log' | 'run'>;

export class ArgoFirewall implements AsyncDisposable {
  readonly #around: Around;
  readonly #life: () => VmLife;
  #isOn = false;
  #open = new Set<string>();
  #working: Promise<void> = Promise.resolve();
  #following: Disposable | undefined;

  constructor(around: Around, life: () => VmLife) {
    this.#around = around;
    this.#life = life;
  }

  /** What it does when VMs come and go. */
  get part(): LifePart {
    return {
      name: 'the Argo firewall',
      domainMade: async (_uuid, domid) => {
        await this.sync();
        // The device model waits for this before it talks to anybody.
        const node = domainPath(checkedDomid(domid), 'v4v-firewall-ready');
        await this.#around.host.store.write(node, '1');
      },
      // By now its stub domain exists.
      created: () => this.sync(),
      gone: () => this.sync(),
    };
  }

  /** Takes the filter over: what runs keeps its openings. Does nothing where `argo-firewall` is off. */
  async start(): Promise<void> {
    const { database } = this.#around;
    if (!hostFlag(database.view(), 'argo-firewall')) return;
    this.#isOn = true;
    await this.#inTurn(() => this.#takeOver());
    this.#following = database.onChange((changes) => {
      if (changes.some(isMeaningful)) void this.sync();
    });
  }

  /** Brings the filter in line with the VMs that run and their rules. Never rejects: what cannot be opened stays closed. */
  sync(): Promise<void> {
    return this.#inTurn(() => this.#update());
  }

  /** Changes nothing any more; what is open stays open for the VMs that run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#following?.[Symbol.dispose]();
    await this.#inTurn(async () => {
      this.#isOn = false;
    });
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    const { log } = this.#around;
    this.#working = this.#working.then(async () => {
      if (!this.#isOn) return;
      try {
        await act();
      } catch (error) {
        log.log('error', 'The Argo firewall is not as the rules say', error);
      }
    });
    return this.#working;
  }

  /** Everything is open while the rules are made, so that nobody who talks already is cut off. */
  async #takeOver(): Promise<void> {
    await this.#run('-F');
    await this.#run('-A -j ACCEPT');
    await this.#update();
    await this.#run('-A --dom-in 0 --dom-out 0 -j ACCEPT');
    await this.#run('-A -j REJECT');
    await this.#run('-D -j ACCEPT');
  }

  async #update(): Promise<void> {
    const wanted = argoOpenings(await this.#running());
    for (const words of [...this.#open].filter((one) => !wanted.has(one))) {
      await this.#change('-D', words, () => this.#open.delete(words));
    }
    for (const words of [...wanted].filter((one) => !this.#open.has(one))) {
      await this.#change('-I 1', words, () => this.#open.add(words));
    }
  }

  /** One that fails is tried again with the next change. */
  async #change(verb: string, words: string, done: () => void): Promise<void> {
    const { log } = this.#around;
    try {
      await this.#run(`${verb} ${words}`);
      if (!this.#isOn) return;
      done();
      log.log('debug', `Argo: ${verb} ${words}`);
    } catch (error) {
      log.log('error', `The Argo firewall does not take ${verb} ${words}`, error);
    }
  }

  /** On a host without the tool nothing is tried again. */
  async #run(line: string): Promise<void> {
    const { run, log } = this.#around;
    if (!this.#isOn) return;
    try {
      await run(PROGRAM, line.split(' '));
    } catch (error) {
      if (!(error instanceof ManagerError) || error.context['status'] !== 'ENOENT') throw error;
      this.#isOn = false;
      log.log('warn', `There is no ${PROGRAM}: rules for Argo have no effect on this host`);
    }
  }

  async #running(): Promise<readonly ArgoVm[]> {
    const view = this.#around.database.view();
    const life = this.#life();
    const running = vmUuids(view).filter((uuid) => life.domid(uuid) >= 0);
    return Promise.all(
      running.map(async (uuid) => {
        const domid = life.domid(uuid);
        const settings = vmSettings(view, uuid);
        return {
          ...{ uuid, domid, stubDomid: await this.#stubDomid(domid) },
          name: settings.text('name'),
          type: settings.text('type'),
          isSeamless: settings.flag('seamless-traffic'),
          rules: argoRules(view, uuid).map(parseArgoRule),
        };
      }),
    );
  }

  async #stubDomid(domid: number): Promise<number | undefined> {
    const node = domainPath(checkedDomid(domid), 'image', 'device-model-domid');
    const text = (await this.#around.host.store.find(node)) ?? '';
    return /^[1-9][0-9]{0,4}$/.test(text) ? Number(text) : undefined;
  }
}

function isMeaningful({ path: [root, , key = ''] }: LeafChange): boolean {
  return root === 'vm' && MEANT.includes(key);
}
