// Bundles a command of the package in the current folder into one file: dist/bin/NAME.js -> dist/NAME.bundle.js.
// A command starts in a fraction of the time that way, because Node has one file to find and compile instead of eighty.
// The providers of hosts (@xenops/native, @xenops/sim) stay outside: they are loaded by name when a host needs them.
import { build } from 'esbuild';

// commander is CommonJS and asks for Node's own modules by require, which an ES module has not.
const REQUIRE =
  "import { createRequire as createRequireHere } from 'node:module'; const require = createRequireHere(import.meta.url);";

for (const name of process.argv.slice(2)) {
  await build({
    entryPoints: [`dist/bin/${name}.js`],
    outfile: `dist/${name}.bundle.js`,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: 'linked',
    banner: { js: REQUIRE },
    logLevel: 'warning',
  });
}
