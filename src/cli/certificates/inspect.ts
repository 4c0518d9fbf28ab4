import { describeCertificate } from '../../acme/certificate.ts';
import type { Reach } from '../../acme/renewal-info.ts';
import { type Due, dueOf, mayAsk, type RenewalState, stateOf } from '../../acme/renewal-state.ts';
import type { CertificateSettings, ListedCertificate, Store } from '../../acme/storage.ts';
import { StorageError } from '../../errors.ts';
import type { CommandContext } from '../main.ts';

/** What a stored certificate is like at this moment. */
export interface Situation {
  readonly state: RenewalState;
  /** When its age makes it due. */
  readonly due: Due;
  /** That time has come, or comes before the next run does. */
  readonly isDue: boolean;
}

/**
 * Finds out when a certificate is to be renewed, and keeps what the CA says about that. The certificate is parsed only where
 * the store does not know it yet. Throws `StorageError` where it is damaged.
 */
export async function inspect(
  { name, certificatePem }: Pick<ListedCertificate, 'name' | 'certificatePem'>,
  settings: Pick<CertificateSettings, 'renewDays'>,
  reach: Reach,
  store: Store,
  context: CommandContext,
  now: Date,
): Promise<Situation> {
  const { options, io, log } = context;
  const known = await store.readRenewal(name);
  let state = stateOf(certificatePem, known, () => readInfo(name, certificatePem));
  if (!options.ariDisable && mayAsk(state, now)) {
    const { askCa } = await import('../../acme/renewal-info.ts');
    state = await askCa(state, certificatePem, { reach, log, signal: io.signal }, now);
  }
  const seen = { stamp: store.stamp(name), name, ...(settings.renewDays ? { renewDays: settings.renewDays } : {}) };
  if (state !== known || known.seen?.stamp !== seen.stamp) {
    state = { ...state, seen };
    // A store that cannot be written to is told when something has to be.
    await store.writeRenewal(name, state).catch((error: Error) => log.debug(error.message));
  }
  return judge(state, settings.renewDays, context, now);
}

/** The same, without reading or asking anything: undefined where that is not enough to know. */
export async function recall(
  file: string,
  store: Store,
  context: CommandContext,
  now: Date,
): Promise<(Situation & { readonly name: string }) | undefined> {
  const state = await store.readRenewal(file);
  if (!state?.seen || state.seen.stamp !== store.stamp(file)) return undefined;
  if (!context.options.ariDisable && mayAsk(state, now)) return undefined;
  const { name, renewDays } = state.seen;
  return { ...judge(state, renewDays, context, now), name };
}

function judge(
  state: RenewalState,
  kept: number | undefined,
  { options, given }: CommandContext,
  now: Date,
): Situation {
  // lego's flag: no number of days, whatever was asked for before.
  const renewDays = given.has('--dynamic') ? undefined : (options.renewDays ?? kept);
  const insisted = given.has('--renew-days') || given.has('--days');
  const due = dueOf(state, { renewDays, insisted, ariDisabled: options.ariDisable });
  const patience = Math.max(options.runInterval, options.ariWait ?? 0);
  return { state, due, isDue: due.at.getTime() <= now.getTime() + patience };
}

function readInfo(name: string, certificatePem: string) {
  try {
    return describeCertificate(certificatePem);
  } catch (cause) {
    throw new StorageError(`the stored certificate ${name} is damaged: ${(cause as Error).message}`, {
      cause,
      hint: 'restore it from a backup, or obtain a new one with --renew-force',
    });
  }
}
