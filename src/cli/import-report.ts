import { describeCertificate } from '../acme/certificate.ts';
import type { ImportFormat } from '../acme/import/formats.ts';
import { type Credentials, type Found, type FoundCertificate, shown } from '../acme/import/found.ts';
import type { Taken, TakenAll } from '../acme/import/take-over.ts';
import type { HookSettings, Store } from '../acme/storage.ts';
import type { Outcome } from './main.ts';
import { errorJson } from './render-error.ts';

export interface ImportReport {
  readonly format: ImportFormat;
  readonly source: string;
  readonly store: Store;
  readonly dryRun: boolean;
  readonly found: Found;
  readonly taken: TakenAll;
}

/** Something was damaged, or in the way. */
const INCOMPLETE = 6;

/** What was taken over and what was not, for people and for machines. */
export function importOutcome(report: ImportReport): Outcome {
  const { taken, found } = report;
  const left = [...taken.accounts, ...taken.certificates].some(
    ({ action }) => action === 'kept' || action === 'failed',
  );
  return {
    json: toJson(report),
    text: toText(report),
    exitCode: left || found.problems.length > 0 ? INCOMPLETE : 0,
  };
}

function toJson({ format, source, store, dryRun, found, taken }: ImportReport): object {
  const errorOf = ({ error }: Taken<unknown>) => (error ? errorJson(error) : {});
  return {
    format,
    source,
    store: store.root,
    dryRun,
    accounts: taken.accounts.map((one) => {
      const { account, from, notes } = one.found;
      return {
        id: account.id,
        server: account.directoryUrl,
        action: one.action,
        from,
        url: account.url,
        notes,
        ...errorOf(one),
      };
    }),
    certificates: taken.certificates.map((one) => {
      const { stored, from, notes, hooks } = one.found;
      const { name, settings, certificatePem } = stored;
      const { directoryUrl: server, accountId: account, dns, keyType } = settings ?? {};
      return {
        ...{ name, action: one.action, from, ...describeCertificate(certificatePem) },
        ...{ server, account, dns, keyType, notes, hooks, hooksTaken: settings?.hooks !== undefined },
        ...{ paths: store.paths(name), ...errorOf(one) },
      };
    }),
    problems: found.problems.map(({ from, error }) => ({ from, ...errorJson(error) })),
    credentials: found.credentials.map(({ provider, hook, file, set, note }) => ({
      ...{ provider, hook, file, variables: set },
      ...(note ? { note } : {}),
    })),
    notes: found.notes,
  };
}

function toText({ format, source, store, dryRun, found, taken }: ImportReport): string {
  const said = dryRun
    ? {
        imported: 'would be imported',
        replaced: 'would be replaced',
        unchanged: 'is in the store',
        kept: 'NOT imported',
        failed: 'NOT imported',
      }
    : {
        imported: 'imported',
        replaced: 'replaced',
        unchanged: 'is in the store',
        kept: 'NOT imported',
        failed: 'NOT imported',
      };
  const lines = [
    `${format}'s ${source} into ${store.root}${dryRun ? ' (rehearsal: nothing is written)' : ''}`,
    ...taken.accounts.flatMap(({ found: { account, notes }, action }) => [
      `account ${account.id} at ${account.directoryUrl}: ${said[action]}`,
      ...notes.map((note) => `  note         ${note}`),
    ]),
    ...taken.certificates.flatMap((one) => [
      `${one.found.stored.name}: ${said[one.action]}`,
      ...aboutCertificate(one.found),
    ]),
    ...found.problems.map(({ from }) => `${from}: NOT imported`),
    ...found.notes.map((note) => `note: ${note}`),
    ...found.credentials.flatMap(aboutCredentials),
  ];
  if (taken.accounts.length + taken.certificates.length + found.problems.length === 0)
    lines.push('there is nothing to import');
  return lines.map((line) => `${line}\n`).join('');
}

function aboutCertificate({ stored, notes, hooks }: FoundCertificate): string[] {
  const { names, notAfter, issuer } = describeCertificate(stored.certificatePem);
  const { settings } = stored;
  const record = settings && [
    `  CA           ${settings.directoryUrl}, account ${settings.accountId}`,
    ...(settings.dns.length > 0 ? [`  DNS          ${settings.dns.join(', ')}`] : []),
  ];
  const kinds = Object.entries(hooks) as [keyof HookSettings, string][];
  return [
    `  names        ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`,
    `  valid until  ${notAfter.toISOString().slice(0, 10)}, from ${issuer}`,
    ...(record ?? []),
    ...kinds.map(([kind, command]) => {
      const what = `  ${kind} hook`.padEnd(15);
      return `${what}${shown(String(command))}${settings?.hooks ? '' : ' (not taken over)'}`;
    }),
    ...notes.map((note) => `  note         ${note}`),
  ];
}

/** Names of variables only, never what is in them. */
function aboutCredentials({ provider, hook, file, set, note }: Credentials): string[] {
  return [
    `credentials for ${provider} are not taken over: ${hook} has them in ${file}`,
    ...set.map(({ name, from }) => `  set ${name} to ${name === from ? 'the same there' : `what is ${from} there`}`),
    ...(note ? [`  ${note}`] : []),
  ];
}
