import { draftName } from '../acme/persist.ts';
import type { PersistCa } from './persist-ca.ts';

const COLUMN = 15;
export const row = (label: string, value: string): string => `  ${label.padEnd(COLUMN)}${value}`;

/** What is asked for, at the top of both tables. */
export const head = ({ server, issuers, draft, accountId, accountUrl }: PersistCa): string[] => [
  row('CA', `${new URL(server).host}, issuer ${issuers.join(' or ')}`),
  row('account', `${accountId}, ${accountUrl}`),
  row(
    'format',
    `${draftName(draft)}: accounturi is ${draft === '01' ? 'the URL of the account' : 'a hash of the account'}`,
  ),
];
