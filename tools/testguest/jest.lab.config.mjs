import { jestConfig } from '../../jest.preset.mjs';

// A first start may have to boot and snapshot a host.
export default jestConfig({ name: 'testguest', lab: true, overrides: { testTimeout: 300_000 } });
