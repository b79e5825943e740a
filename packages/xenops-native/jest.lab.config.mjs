import { jestConfig } from '../../jest.preset.mjs';

export default jestConfig({ name: '@xenops/native (lab)', lab: true });
