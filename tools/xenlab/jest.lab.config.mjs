import { jestConfig } from '../../jest.preset.mjs';

// A first start may have to boot and snapshot a host.
export default jestConfig({ name: 'xenlab', lab: true, overrides: { testTimeout: 300_000 } });
