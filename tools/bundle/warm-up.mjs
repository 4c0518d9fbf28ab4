/** `node warm-up.mjs <dist> <folder for the code> [arguments...]` runs quoin, and then keeps the code that V8 made of what ran. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [node, script, dist, folder, ...argv] = process.argv;
const { createLoader } = await import(pathToFileURL(join(dist, 'quoin.js')).href);
const { load, scripts } = createLoader(pathToFileURL(join(dist, '/')), { recompile: true });
const { start } = load('quoin.cjs');
for (const command of argv[0] === 'run' ? [['--help'], ['list'], ['dnshelp'], argv] : [argv]) {
  process.argv = [node, script, ...command];
  await start();
}
if (!process.exitCode) {
  for (const [file, compiled] of scripts) {
    const target = join(folder, `${file}.bin`);
    // Written by a process that this one has started and waited for, which ran what matters more.
    if (existsSync(target)) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, compiled.createCachedData());
  }
}
