import { describeCertificate } from '../../acme/certificate.ts';
import { legoKeyType } from '../../acme/stored-keys.ts';
import { renewalLines, renewalOf } from '../certificates/renewal.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { storeOf } from '../open-store.ts';
import { chainOf, type Found, findName, readFound } from '../stored-certificate.ts';

const DAY_MS = 86_400_000;
/** As for everything in the store that is damaged. */
const DAMAGED = 6;

/** All that is known of one certificate on disk. Where its key is not its own that is told, and the rest all the same. */
export async function show(context: CommandContext): Promise<Outcome> {
  const store = storeOf(context);
  const [name = ''] = context.words ?? [];
  const found = await readFound(store, await findName(store, name));
  const { file, stored, keyProblem } = found;
  const [leaf] = chainOf(stored);
  const info = describeCertificate(stored.certificatePem);
  const { names, notBefore, notAfter, issuer, serial } = info;
  const renewal = await renewalOf(stored, info, store);
  const { directoryUrl, accountId, dns, profile, preferredChain } = stored.settings ?? {};
  const paths = store.paths(file);
  const keyType = legoKeyType(leaf.publicKey).toLowerCase();
  const fingerprint = leaf.fingerprint256;
  if (keyProblem) context.log.warn(keyProblem.message);
  const optional = (label: string, value: string | undefined) => (value ? [line(label, value)] : []);
  return {
    json: {
      certificate: {
        name: stored.name,
        names,
        notBefore,
        notAfter,
        issuer,
        serial,
        keyType,
        fingerprint,
        dns,
        server: directoryUrl,
        account: accountId,
        profile,
        preferredChain,
        url: stored.url || undefined,
        key: keyState(found),
        renewal,
        paths,
      },
    },
    isAnswer: true,
    exitCode: keyProblem ? DAMAGED : 0,
    text: [
      stored.name,
      line('names', names.join(', ')),
      line('valid', `${dayOf(notBefore)} to ${dayOf(notAfter)} (${remaining(notAfter, Date.now())})`),
      line('issuer', issuer),
      line('serial', serial),
      line('key type', keyType),
      line('SHA-256', fingerprint),
      ...optional('provider', dns?.join(', ')),
      ...optional('CA', directoryUrl),
      ...optional('account', accountId),
      ...optional('profile', profile),
      ...optional('chain', preferredChain),
      ...renewalLines(renewal).map(([label, text]) => line(label, text)),
      line('certificate', paths.certificate),
      line('issuers', paths.issuer),
      line('key', `${paths.key} (${keyWords[keyState(found)]})`),
      line('metadata', paths.metadata),
      '',
    ].join('\n'),
  };
}

const keyWords = {
  matches: 'belongs to the certificate',
  missing: 'is not there',
  wrong: 'damaged, or of another certificate',
};
const keyState = ({ stored, keyProblem }: Found): keyof typeof keyWords =>
  keyProblem ? 'wrong' : stored.keyPem === undefined ? 'missing' : 'matches';

const line = (label: string, value: string): string => `  ${label.padEnd(11)}  ${value}`;
const dayOf = (date: Date): string => date.toISOString().slice(0, 10);

function remaining(end: Date, now: number): string {
  const days = Math.floor((end.getTime() - now) / DAY_MS);
  return days < 0 ? 'expired' : `${days} days left`;
}
