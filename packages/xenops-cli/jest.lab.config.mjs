import { jestConfig } from '../../jest.preset.mjs';

export default jestConfig({ name: '@xenops/cli (lab)', lab: true });
