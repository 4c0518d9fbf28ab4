import { describeCertificate } from '../../acme/certificate.ts';
import type { Store, StoredCertificate } from '../../acme/storage.ts';
import { pauseForOthers, secureAll, withWorkshop } from '../certificates/batch.ts';
import { readSettingsOf } from '../certificates/credentials.ts';
import { planFromOptions } from '../certificates/from-options.ts';
import { certificateJson } from '../certificates/results.ts';
import { examine, type Result } from '../certificates/secure.ts';
import { storeOf } from '../compose.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { errorJson, exitCodeOf, renderError } from '../render-error.ts';
import { findName } from '../stored-certificate.ts';

/** Obtains the certificate, or renews it when it is due or its settings changed. */
export async function run(context: CommandContext): Promise<Outcome> {
  const store = storeOf(context);
  const plan = await planFromOptions(await withStoredNames(context, store));
  await readSettingsOf(plan, context);
  await store.probe();
  return withWorkshop(context, store, async (workshop) => {
    const { why, byAge } = await examine(plan, { store, workshop, context });
    if (why !== undefined && byAge) await pauseForOthers(context);
    const [result] = await secureAll([plan], store, workshop, context);
    if (!result) throw new Error('no result');
    const { stored, action, error } = result;
    if (stored && (error === undefined || action === 'issued' || action === 'renewed'))
      return outcome(result, stored, store, context);
    throw error;
  });
}

/** As with lego 5, the name of a stored certificate stands for its domains where none are named. */
async function withStoredNames(context: CommandContext, store: Store): Promise<CommandContext> {
  const { options } = context;
  const { certName, csr, domains } = options;
  if (certName === undefined || csr !== undefined || domains.length > 0) return context;
  const listed = await store.readListed(await findName(store, certName));
  if (!listed) return context;
  const { names } = listed.settings ?? describeCertificate(listed.certificatePem);
  return { ...context, options: { ...options, domains: [...names] } };
}

const said = { issued: 'issued', renewed: 'renewed', unchanged: 'nothing is due for' } as const;

function outcome(
  { action, renewAt, error }: Result,
  stored: StoredCertificate,
  store: Store,
  { options, io, redactor }: CommandContext,
): Outcome {
  const { names, notAfter, issuer } = describeCertificate(stored.certificatePem);
  const paths = store.paths(stored.name);
  const days = Math.floor((notAfter.getTime() - Date.now()) / 86_400_000);
  if (error !== undefined) io.stderr.write(redactor.clean(renderError(error, options.debug)));
  return {
    json: {
      action,
      certificate: certificateJson(stored, store),
      ...(renewAt ? { renewAt } : {}),
      ...(error === undefined ? {} : errorJson(error)),
    },
    exitCode: error === undefined ? 0 : exitCodeOf(error),
    text: [
      `${said[action as keyof typeof said]} ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more names` : ''}`,
      `  valid until  ${notAfter.toISOString().slice(0, 10)} (${days} days), from ${issuer}`,
      ...(renewAt ? [`  due          from ${renewAt.toISOString().slice(0, 10)} on`] : []),
      `  certificate  ${paths.certificate}`,
      `  issuer       ${paths.issuer}`,
      ...(stored.keyPem === undefined ? [] : [`  key          ${paths.key}`]),
      '',
    ].join('\n'),
  };
}
