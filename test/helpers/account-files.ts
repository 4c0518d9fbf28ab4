import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from './child.ts';
import type { Finished } from './servers.ts';

export const NAME = 'example.test';
export const ME = 'me@example.test';
/** Of each test of the file that imports this. */
export let store: string;
beforeEach(() => {
  store = join(newFolder(), 'store');
});

export const answer = ({ stdout }: Finished) => JSON.parse(stdout);
/** The only host's folder of accounts. */
export const accounts = () => join(store, 'accounts', readdirSync(join(store, 'accounts'))[0] ?? '');
export const keyOf = (id: string) => readFileSync(join(accounts(), id, `${id}.key`), 'utf8');
export const recordOf = (id: string) => JSON.parse(readFileSync(join(accounts(), id, 'account.json'), 'utf8'));
