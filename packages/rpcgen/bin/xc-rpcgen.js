#!/usr/bin/env node
import '../dist/bin/xc-rpcgen.js';
