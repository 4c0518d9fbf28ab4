import { describeCertificate } from '../../acme/certificate.ts';
import { beside } from '../../acme/extra-files.ts';
import type { Store, StoredCertificate } from '../../acme/storage.ts';
import { isAppError } from '../../errors.ts';
import type { Outcome } from '../main.ts';
import { errorJson, exitCodeOf } from '../render-error.ts';
import type { Result } from './secure.ts';

/** What a certificate is, for JSON. */
export function certificateJson(stored: StoredCertificate, store: Store): object {
  const { names, notBefore, notAfter, issuer, serial } = describeCertificate(stored.certificatePem);
  const { files = {} } = stored.settings ?? {};
  const paths = store.paths(stored.name);
  return {
    ...{ name: stored.name, names, notBefore, notAfter, issuer, serial },
    paths: {
      ...paths,
      ...(files.pem ? { pem: beside(paths, '.pem') } : {}),
      ...(files.pfx ? { pfx: beside(paths, '.pfx') } : {}),
    },
  };
}

export const resultJson = ({ name, action, stored, renewAt, error }: Result, store: Store): object => ({
  ...(stored ? certificateJson(stored, store) : { name }),
  action,
  ...(renewAt ? { renewAt } : {}),
  ...(error === undefined ? {} : errorJson(error)),
});

export type Summary = Readonly<Record<Result['action'], number>>;

export function summaryOf(results: readonly Pick<Result, 'action'>[]): Summary {
  const count = (action: Result['action']) => results.filter((result) => result.action === action).length;
  return {
    ...{ issued: count('issued'), renewed: count('renewed'), unchanged: count('unchanged') },
    ...{ postponed: count('postponed'), failed: count('failed') },
  };
}

/**
 * What became of many certificates: one document, a line for each of which something is to be said, and the exit code of the first
 * failure; the certificates that went well are there all the same.
 */
export function summarize(results: readonly Result[], store: Store): Outcome {
  const all = [...results].sort((a, b) => (a.name < b.name ? -1 : 1));
  const failed = all.find(({ error }) => error !== undefined);
  return {
    exitCode: failed ? exitCodeOf(failed.error) : 0,
    // Of a thousand certificates it is a long document, which most runs do not show.
    get json() {
      return { certificates: all.map((one) => resultJson(one, store)), summary: summaryOf(all) };
    },
    text: lines(all, store)
      .map((line) => `${line}\n`)
      .join(''),
  };
}

function lines(all: readonly Result[], store: Store): string[] {
  if (all.length === 0) return [`no certificates in ${store.root}`];
  const isQuiet = ({ action, error }: Result) => action === 'unchanged' && error === undefined;
  const told = all
    .filter((one) => !isQuiet(one))
    .map(({ name, action, stored, error }) => {
      const until =
        stored && (action === 'issued' || action === 'renewed') ? `, valid until ${dayOf(endOf(stored))}` : '';
      const why = error === undefined ? '' : `: ${isAppError(error) ? error.message : String(error)}`;
      return `${action} ${name}${until}${why}`;
    });
  const rest = all.filter(isQuiet);
  if (rest.length === 0) return told;
  const [next] = rest
    .flatMap((one) => (one.renewAt ? [{ ...one, renewAt: one.renewAt }] : []))
    .sort((a, b) => a.renewAt.getTime() - b.renewAt.getTime());
  const when = next ? `; the next is ${next.name}, on ${dayOf(next.renewAt)}` : '';
  return [...told, `${rest.length} ${rest.length === 1 ? 'certificate is' : 'certificates are'} not due${when}`];
}

const dayOf = (date: Date): string => date.toISOString().slice(0, 10);
const endOf = (stored: StoredCertificate): Date => describeCertificate(stored.certificatePem).notAfter;
