// `npm run bench -- NAME`: sets up what is needed, then runs a benchmark of tools/bench.
import path from 'node:path';
import {
  checkNode,
  ensureAddon,
  ensureBuilt,
  ensureNodeModules,
  execute,
  main,
  workspace,
} from './stages.mjs';

await main(async () => {
  checkNode();
  await ensureNodeModules();
  await ensureBuilt();
  await ensureAddon();
  const bench = path.join(workspace, 'tools/bench/dist/main.js');
  await execute(process.execPath, [bench, ...process.argv.slice(2)], { show: true });
});
