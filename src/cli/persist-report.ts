import { draftName } from '../acme/persist.ts';
import { dateOf } from '../acme/persist-judge.ts';
import { plainText } from '../plain-text.ts';
import type { PersistCa } from './persist-ca.ts';
import type { Checked, Found } from './persist-check.ts';
import { head, row } from './persist-table.ts';

/** What somebody may put into DNS is without limits. */
const MAX_VALUES = 20;
const MAX_TEXT = 1000;

/** The document of `quoin persist check --json`: docs/reference/json.md. */
export const checkedJson = (
  { server, issuers, draft, accountId, accountUrl }: PersistCa,
  checked: readonly Checked[],
): object => ({
  ok: checked.every(({ covered }) => covered),
  ca: { directory: server, issuers, draft: draftName(draft) },
  account: { id: accountId, url: accountUrl },
  names: checked.map(({ name, record, sight, covered, until, found, above }) => ({
    name,
    record,
    target: sight?.target ?? null,
    zone: sight?.zone ?? null,
    covered,
    until: until === undefined ? null : (dateOf(until) ?? null),
    values: found.slice(0, MAX_VALUES).map(foundJson),
    servers: (sight?.servers ?? []).map((seen) => ({
      server: seen.server,
      values: seen.values?.length ?? null,
      ...(seen.said === undefined ? {} : { said: seen.said }),
    })),
    above: above ?? null,
  })),
  warnings: checked.flatMap(({ warnings }) => warnings),
  problems: checked.flatMap(({ problem }) =>
    problem
      ? [
          {
            ...problem.facts,
            code: problem.code,
            message: problem.message,
            ...(problem.hint ? { hint: problem.hint } : {}),
          },
        ]
      : [],
  ),
});

const foundJson = ({ value, record, draft, misses, missingAt }: Found): object => ({
  value: plainText(value, MAX_TEXT),
  counts: misses.length === 0,
  issuer: record?.issuer ?? null,
  accountUri: record ? plainText(record.accountUri, MAX_TEXT) : null,
  wildcard: record?.wildcard ?? null,
  until: record?.until === undefined ? null : (dateOf(record.until) ?? null),
  draft: draft ? draftName(draft) : null,
  misses,
  missingAt,
});

/** The same for people. */
export function checkedTable(ca: PersistCa, checked: readonly Checked[]): string {
  const warnings = checked.flatMap((one) => one.warnings);
  const problems = checked.flatMap(({ problem }) => (problem ? [problem] : []));
  return `${[
    ...head(ca),
    ...checked.flatMap(sectionOf),
    ...(warnings.length > 0 ? ['', ...warnings.map((warning) => `warning: ${warning}`)] : []),
    ...(problems.length > 0 ? [''] : []),
    ...problems.flatMap(({ message, hint }) => [`problem: ${message}`, ...(hint ? [`  → ${hint}`] : [])]),
    '',
    problems.length === 0
      ? `all is well: ${checked.length === 1 ? 'the name is' : `${checked.length} names are`} covered`
      : `${problems.length} of ${checked.length} names not covered`,
  ].join('\n')}\n`;
}

function sectionOf({ name, record, sight, covered, until, found }: Checked): string[] {
  const end = until === undefined ? 'for as long as the record is there' : `until ${dateOf(until) ?? 'after 9999'}`;
  return [
    '',
    name,
    row('record', record),
    ...(sight && sight.target !== record ? [row('CNAME to', sight.target)] : []),
    ...(sight?.servers ?? []).map(({ server, values, said }) =>
      row('asked', `${server}: ${values ? `${values.length} TXT value${values.length === 1 ? '' : 's'}` : said}`),
    ),
    ...found.slice(0, MAX_VALUES).flatMap(valueRows),
    ...(found.length > MAX_VALUES ? [row('', `and ${found.length - MAX_VALUES} more values`)] : []),
    row('covered', covered ? end : 'NO'),
  ];
}

const valueRows = ({ value, draft, misses, missingAt }: Found): string[] => [
  row('value', plainText(value, MAX_TEXT)),
  ...(misses.length === 0 && draft ? [row('', `counts (${draftName(draft)})`)] : []),
  ...misses.map(({ why }) => row('', `does not count: ${plainText(why, MAX_TEXT)}`)),
  ...(missingAt.length > 0 ? [row('', `not shown by ${missingAt.join(', ')}`)] : []),
];
