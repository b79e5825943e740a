/** What each task is called with. The names are those on the wire. */

type None = Readonly<Record<string, never>>;

interface Insertion {
  readonly virtpath: string;
  readonly physpath: string;
  readonly forced: boolean;
}

export interface TaskCalls {
  readonly quit: None;
  readonly destroy: None;
  readonly halt: { readonly forced: boolean };
  readonly reboot: { readonly forced: boolean; readonly 'auto-start': boolean };
  readonly start: { readonly paused: boolean };
  readonly pause: None;
  readonly unpause: None;
  readonly suspend: { readonly live: boolean; readonly file: string };
  readonly restore: { readonly file: string; readonly paused: boolean; readonly delete: boolean };
  readonly checkpoint: { readonly file: string; readonly live: boolean };
  readonly s3suspend: { readonly timeout: number };
  readonly s4suspend: { readonly timeout: number };
  readonly 'get-domid': None;
  readonly 'get-stubdomid': None;
  readonly 'get-status': None;
  readonly 'get-acpi-state': None;
  readonly 'get-vnc': None;
  readonly 'get-info': None;
  readonly 'get-config': { readonly which: string };
  readonly trigger: { readonly params: readonly string[] };
  readonly device: {
    readonly type: string;
    readonly cmd: string;
    readonly extra: readonly string[];
  };
  readonly get: { readonly field: string };
  readonly set: { readonly field: string; readonly value: string };
  readonly 'disk-add': {
    readonly path: string;
    readonly device: string;
    readonly type: string;
    readonly mode: string;
    readonly devtype: string;
    readonly now: boolean;
  };
  readonly 'disk-del': { readonly device: string; readonly forced: boolean };
  readonly 'disk-list': None;
  readonly 'nic-add': {
    readonly bridge: string | undefined;
    readonly mac: string | undefined;
    readonly model: string | undefined;
    readonly now: boolean;
  };
  readonly 'nic-del': { readonly id: number; readonly forced: boolean };
  readonly 'nic-list': None;
  readonly 'pci-add': {
    readonly id: number;
    readonly domain: number;
    readonly bus: number;
    readonly slot: number;
    readonly func: number;
    readonly msitranslate: boolean | undefined;
    readonly power_mgmt: boolean | undefined;
    readonly bind: boolean;
    readonly now: boolean;
  };
  readonly 'pci-del': {
    readonly domain: number;
    readonly bus: number;
    readonly slot: number;
    readonly func: number;
    readonly forced: boolean;
  };
  readonly 'pci-list': None;
  readonly 'cd-eject': { readonly virtpath: string; readonly forced: boolean };
  readonly 'cd-insert-file': Insertion;
  readonly 'cd-insert-real': Insertion;
  readonly 'nic-network-switch': { readonly id: number; readonly network: string };
  readonly 'set-nic-backend-dom': { readonly id: number; readonly domid: number };
  readonly 'set-mem-target': { readonly mb: number };
  readonly 'set-vcpus': { readonly count: number };
  readonly 'read-config': { readonly path: string | undefined };
  readonly help: None;
}

export type TaskName = keyof TaskCalls;
