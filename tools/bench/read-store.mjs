/** Reads every certificate of a store with its metadata and what is known of its renewal, and does nothing with them. */
import { readdirSync, readFileSync } from 'node:fs';

const [, , root] = process.argv;
for (const folder of ['certificates', 'renewals'])
  for (const name of readdirSync(`${root}/${folder}`))
    if (!/\.(?:issuer\.crt|key)$/u.test(name)) readFileSync(`${root}/${folder}/${name}`, 'utf8');
