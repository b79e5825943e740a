import { jestConfig } from '../../jest.preset.mjs';

export default jestConfig({ name: '@xenops/xenvm (lab)', lab: true });
