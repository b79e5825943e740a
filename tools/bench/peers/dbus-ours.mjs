// The peer on @xenops/rpcgen/runtime, written as generated code is.
import { connectBus, InterfaceClient } from '@xenops/rpcgen/runtime';
import { INTERFACE, PATH, PROPERTIES, run, TEXT } from './dbus-bench.mjs';

const description = {
  name: INTERFACE,
  xml: `<interface name="${INTERFACE}"/>`,
  methods: { Echo: { input: 's', output: 's' }, Emit: { input: 'u', output: '' } },
  signals: { Tick: 'us' },
  properties: Object.fromEntries(
    PROPERTIES.map((property) => [property, { type: 's', access: 'read', emitsChanged: 'true' }]),
  ),
  errors: [],
};

class BenchClient extends InterfaceClient {
  constructor(bus, target) {
    super(bus, target, description);
  }

  Echo(text, options) {
    return this.invoke('Echo', [text], options);
  }

  Emit(count, options) {
    return this.invoke('Emit', [count], options);
  }
}

const open = () => connectBus({ address: 'session', timeoutMs: 25_000 });
const clientOf = (bus, destination) => new BenchClient(bus, { destination, path: PATH });

await run({
  async serve(name) {
    const bus = await open();
    const exported = bus.objects.export(PATH, description, {
      methods: {
        Echo: (text) => text,
        Emit: (count) => {
          for (let index = 0; index < count; index++) exported.emit('Tick', index, TEXT);
        },
      },
      properties: Object.fromEntries(
        PROPERTIES.map((property) => [property, { get: () => property }]),
      ),
    });
    await bus.requestName(name);
  },
  async openCall(name) {
    const client = clientOf(await open(), name);
    return () => client.Echo(TEXT);
  },
  async openGetAll(name) {
    const client = clientOf(await open(), name);
    return () => client.properties.getAll();
  },
  async openListeners(name, count, onTick) {
    for (let index = 0; index < count; index++) {
      await clientOf(await open(), name).signals.on('Tick', onTick);
    }
    const client = clientOf(await open(), name);
    return (signals) => client.Emit(signals);
  },
});
