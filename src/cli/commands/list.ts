import { describeCertificate } from '../../acme/certificate.ts';
import { isAppError } from '../../errors.ts';
import { renewalLines, renewalOf } from '../certificates/renewal.ts';
import { readFlags } from '../flags.ts';
import { listFlags } from '../list-options.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { storeOf } from '../open-store.ts';

/** What is on disk. A certificate that cannot be read is reported, and the others are still listed. */
export async function list(context: CommandContext): Promise<Outcome> {
  const { names: namesOnly, accounts: withAccounts } = readFlags(listFlags, context.own ?? new Map(), {});
  const accounts = withAccounts && !namesOnly ? await (await import('./account/list.ts')).list(context) : undefined;
  const store = storeOf(context);
  const certificates: object[] = [];
  const problems: object[] = [];
  const lines: string[] = [];
  for (const name of await store.listCertificates()) {
    try {
      const stored = await store.readCertificate(name);
      if (!stored) continue;
      const info = describeCertificate(stored.certificatePem);
      const { names, notBefore, notAfter, issuer, serial } = info;
      const renewal = await renewalOf(stored, info, store);
      const paths = store.paths(name);
      certificates.push({
        name: stored.name,
        names,
        notBefore,
        notAfter,
        issuer,
        serial,
        dns: stored.settings?.dns,
        renewal,
        paths,
      });
      lines.push(stored.name);
      if (namesOnly) continue;
      lines.push(
        `  names        ${names.join(', ')}`,
        `  valid until  ${notAfter.toISOString().slice(0, 10)}, from ${issuer}`,
        ...renewalLines(renewal).map(([label, text]) => `  ${label.padEnd(11)}  ${text}`),
        `  certificate  ${paths.certificate}`,
      );
    } catch (error) {
      const message = isAppError(error)
        ? `${store.paths(name).certificate}: ${error.message}`
        : `${store.paths(name).certificate} is damaged: ${(error as Error).message}`;
      problems.push({ name, message });
      context.log.warn(message);
    }
  }
  if (certificates.length + problems.length === 0 && !namesOnly) lines.push(`no certificates in ${store.root}`);
  const { accounts: known, problems: unreadable = [] } = (accounts?.json ?? {}) as {
    accounts?: object[];
    problems?: object[];
  };
  return {
    json: { ...(known ? { accounts: known } : {}), certificates, problems: [...unreadable, ...problems] },
    isAnswer: true,
    text: (accounts?.text ?? '') + lines.map((line) => `${line}\n`).join(''),
    exitCode: problems.length > 0 ? 6 : (accounts?.exitCode ?? 0),
  };
}
