import { buildPersist, draftName, type PersistRecord, persistName, txtStrings, zoneLine } from '../acme/persist.ts';
import { dateOf } from '../acme/persist-judge.ts';
import { ConfigError } from '../errors.ts';
import type { CommandContext, Outcome } from './main.ts';
import { accountUriOf, type PersistCa, persistCa } from './persist-ca.ts';
import type { PersistFlags } from './persist-options.ts';
import { head, row } from './persist-table.ts';

const TTL_SECONDS = 3600;

interface Printed {
  readonly names: readonly string[];
  /** Of the TXT record. */
  readonly name: string;
  readonly value: string;
  readonly record: PersistRecord;
}

/** The records to create. Nothing is written anywhere. */
export async function printPersist(
  names: readonly string[],
  flags: PersistFlags,
  context: CommandContext,
): Promise<Outcome> {
  const { until } = flags;
  if (until !== undefined && until * 1000 <= Date.now())
    throw new ConfigError(`--until ${dateOf(until) ?? until} is over already`);
  const places = new Set(names.map(persistName));
  const ca = await persistCa(flags, context);
  const records = [...places].map((name) => {
    const covered = names.filter((one) => persistName(one) === name);
    const wildcard = flags.wildcard || covered.some((one) => one.startsWith('*.'));
    const base = (covered[0] ?? '').replace(/^\*\./u, '');
    const record = { issuer: ca.issuers[0] ?? '', accountUri: accountUriOf(ca, base), wildcard, until };
    return { names: covered, name, value: buildPersist(record), record };
  });
  return { json: json(ca, records), text: table(ca, records), isAnswer: true };
}

const json = ({ server, issuers, draft, accountId, accountUrl }: PersistCa, records: readonly Printed[]): object => ({
  ca: { directory: server, issuers, draft: draftName(draft) },
  account: { id: accountId, url: accountUrl },
  records: records.map(({ names, name, value, record }) => ({
    names,
    name,
    type: 'TXT',
    ttl: TTL_SECONDS,
    value,
    strings: txtStrings(value),
    zoneFile: zoneLine(name, value, TTL_SECONDS),
    issuer: record.issuer,
    accountUri: record.accountUri,
    wildcard: record.wildcard,
    until: record.until === undefined ? null : (dateOf(record.until) ?? null),
  })),
});

function table(ca: PersistCa, records: readonly Printed[]): string {
  const sections = records.flatMap(({ names, name, value, record: { wildcard, until } }) => {
    const base = (names[0] ?? '').replace(/^\*\./u, '');
    return [
      '',
      names.join(', '),
      row('name', name),
      row('type', 'TXT'),
      row('value', value),
      row('covers', wildcard ? `${base}, *.${base} and all names below ${base}` : `${base} only`),
      row('until', until === undefined ? 'for as long as it is there' : (dateOf(until) ?? `${until} s after 1970`)),
    ];
  });
  return `${[
    ...head(ca),
    ...sections,
    '',
    'in a zone file:',
    '',
    ...records.map(({ name, value }) => zoneLine(name, value, TTL_SECONDS)),
    '',
    'Nothing was written. Whoever has the key of this account can have certificates for what these records cover.',
  ].join('\n')}\n`;
}
