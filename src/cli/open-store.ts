import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { openStore, type Store, storeRoot } from '../acme/storage.ts';
import type { CommandContext } from './main.ts';

/** Apart from the other parts, because looking into the store should load nothing that goes to the network. */
export const storeOf = ({ options, io }: CommandContext): Store =>
  openStore(storeRoot(io.cwd, options.path, existsSync(resolve(io.cwd, '.lego'))));
