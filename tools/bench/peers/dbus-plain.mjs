// The peer on dbus-next 0.10.2 as its documentation shows it.
import dbus from 'dbus-next-plain';
import { INTERFACE, PATH, PROPERTIES, run, TEXT } from './dbus-bench.mjs';

class Bench extends dbus.interface.Interface {
  Echo(text) {
    return text;
  }

  Emit(count) {
    for (let index = 0; index < count; index++) this.Tick(index, TEXT);
  }

  Tick(index, text) {
    return [index, text];
  }
}
for (const property of PROPERTIES) {
  Object.defineProperty(Bench.prototype, property, { get: () => property, configurable: true });
}
Bench.configureMembers({
  methods: {
    Echo: { inSignature: 's', outSignature: 's' },
    Emit: { inSignature: 'u', outSignature: '' },
  },
  signals: { Tick: { signature: 'us' } },
  properties: Object.fromEntries(
    PROPERTIES.map((property) => [property, { signature: 's', access: 'read' }]),
  ),
});

async function proxy(name, interfaceName) {
  const object = await dbus.sessionBus().getProxyObject(name, PATH);
  return object.getInterface(interfaceName);
}

await run({
  async serve(name) {
    const bus = dbus.sessionBus();
    await bus.requestName(name, 0);
    bus.export(PATH, new Bench(INTERFACE));
  },
  async openCall(name) {
    const bench = await proxy(name, INTERFACE);
    return () => bench.Echo(TEXT);
  },
  async openGetAll(name) {
    const properties = await proxy(name, 'org.freedesktop.DBus.Properties');
    return () => properties.GetAll(INTERFACE);
  },
  async openListeners(name, count, onTick) {
    for (let index = 0; index < count; index++) {
      const bench = await proxy(name, INTERFACE);
      bench.on('Tick', onTick);
      // It does not say when the bus has the match rule; a call on the same connection comes after it.
      await bench.Echo(TEXT);
    }
    const bench = await proxy(name, INTERFACE);
    return (signals) => bench.Emit(signals);
  },
});
