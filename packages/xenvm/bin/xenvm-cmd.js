#!/usr/bin/env node
// The committed name of the command; the program is what the build makes.
import { createRequire } from 'node:module';

createRequire(import.meta.url)('../dist/xenvm-cmd.bundle.cjs');
