import { jestConfig } from '../../jest.preset.mjs';

export default jestConfig({ name: '@xenops/xenmgr (lab)', lab: true });
