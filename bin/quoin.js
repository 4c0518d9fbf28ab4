#!/usr/bin/env node
import * as nodeModule from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`quoin needs Node.js 20.19 or newer; this is ${process.versions.node}\n`);
  process.exit(1);
}
// Node 22.8 and newer keep compiled code on disk; older ones have no such function.
nodeModule.enableCompileCache?.();
// The AWS SDK would tell users of Node.js 20 on every run that it wants a newer one.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const { start } = await import('../dist/quoin.js');
await start();
