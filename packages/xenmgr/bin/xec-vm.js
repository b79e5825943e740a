#!/usr/bin/env node
// The committed name of the command; the program is what the build makes.
import '../dist/bin/xec-vm.js';
