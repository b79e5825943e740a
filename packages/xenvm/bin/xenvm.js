#!/usr/bin/env node
// The committed name of the command; the program is what the build makes.
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';

// A daemon keeps what its heap for young objects once grew to, up to 48 MiB; this one is kept at its first size.
setFlagsFromString('--semi-space-growth-factor=1');
createRequire(import.meta.url)('../dist/xenvm.bundle.cjs');
