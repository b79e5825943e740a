/**
 * A service with the interfaces of the real one and a few VMs, which keeps properties in memory and does nothing else.
 */
import {
  connectBus,
  DbusError,
  STANDARD_ERROR,
  type Exported,
  type InterfaceDescription,
} from '@xenops/rpcgen/runtime';
import { shippedInterfaces } from '../client/shipped-interfaces.ts';
import { vmPath, XENMGR_BUS_NAME } from '../client/names.ts';
import { vmUuid } from '@xenops/core/ids';
import type { ComCitrixXenclientXenmgrSignals } from '../generated/xenmgr.ts';

type Values = Record<string, unknown>;
type Method = (...args: never[]) => unknown;

/** A VM of the stand-in. */
export interface StandInVm {
  readonly uuid: string;
  /** Values of `com.citrix.xenclient.xenmgr.vm`; the others have the default of their type. */
  readonly properties: Values;
  readonly methods?: Readonly<Record<string, Method>>;
  /** Values of its disks and network interfaces, by id. */
  readonly disks?: readonly Values[];
  readonly nics?: readonly Values[];
}

/** The running service. */
export interface StandIn extends AsyncDisposable {
  readonly signals: Exported<ComCitrixXenclientXenmgrSignals, object>;
  /** Properties of a VM, as they are now. */
  valuesOf(uuid: string): Values;
  /** Removes the object of a VM, which is still listed. */
  forget(uuid: string): void;
}

/** Starts the service on a bus. */
export async function startStandIn(
  address: string,
  vms: readonly StandInVm[],
  methods: Readonly<Record<string, Method>> = {},
): Promise<StandIn> {
  const bus = await connectBus({ address, timeoutMs: 10_000 });
  const exported = new Map<string, Exported<ComCitrixXenclientXenmgrSignals, object>[]>();
  const serve = (path: string, values: Values, own: Readonly<Record<string, Method>>): void => {
    for (const description of shippedInterfaces(XENMGR_BUS_NAME, path)) {
      const one = bus.objects.export<ComCitrixXenclientXenmgrSignals, object>(path, description, {
        methods: methodsOf(description, own),
        properties: propertiesOf(description, values),
      });
      exported.set(path, [...(exported.get(path) ?? []), one]);
    }
  };
  const list = (): readonly string[] => vms.map(({ uuid }) => vmPath(vmUuid(uuid)));
  serve('/', {}, { list_vms: list, ...methods });
  serve('/host', { 'total-mem': 4096, 'build-info': new Map([['version', '1']]) }, {});
  for (const vm of vms) serveVm(serve, vm);
  await bus.requestName(XENMGR_BUS_NAME);
  const signals = exported.get('/')?.[1];
  if (signals === undefined) throw new Error('The root has no interface for its signals');
  return {
    signals,
    valuesOf: (uuid) => vms.find((vm) => vm.uuid === uuid)?.properties ?? {},
    forget: (uuid) => exported.get(vmPath(vmUuid(uuid)))?.forEach((one) => one.unexport()),
    [Symbol.asyncDispose]: () => bus.close(),
  };
}

type Serve = (path: string, values: Values, own: Readonly<Record<string, Method>>) => void;

function serveVm(
  serve: Serve,
  { uuid, properties, methods, disks = [], nics = [] }: StandInVm,
): void {
  const path = vmPath(vmUuid(uuid));
  const own = {
    list_disks: () => disks.map((_, id) => `${path}/disk/${id}`),
    list_nics: () => nics.map((_, id) => `${path}/nic/${id}`),
  };
  serve(path, properties, { ...own, ...methods });
  for (const [id, values] of disks.entries()) serve(`${path}/disk/${id}`, values, {});
  for (const [id, values] of nics.entries()) serve(`${path}/nic/${id}`, values, {});
}

function methodsOf(
  { methods }: InterfaceDescription,
  own: Readonly<Record<string, Method>>,
): Record<string, Method> {
  const missing = (): never => {
    throw new DbusError(STANDARD_ERROR.failed, '199:the stand-in does not do that');
  };
  return Object.fromEntries(Object.keys(methods).map((name) => [name, own[name] ?? missing]));
}

const DEFAULTS: Readonly<Record<string, unknown>> = {
  b: false,
  i: 0,
  x: 0n,
  s: '',
  o: '/',
  'a{ss}': new Map(),
};

function propertiesOf(
  { properties }: InterfaceDescription,
  values: Values,
): Record<string, { get: () => unknown; set: (value: unknown) => void }> {
  const handlers = Object.entries(properties).map(([name, { type }]) => {
    const get = (): unknown => values[name] ?? DEFAULTS[type] ?? [];
    const set = (value: unknown): void => {
      values[name] = value;
    };
    return [name, { get, set }] as const;
  });
  return Object.fromEntries(handlers);
}
