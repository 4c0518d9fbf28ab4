import type { CertificateInfo } from '../../acme/certificate.ts';
import { dueOf, stateOf } from '../../acme/renewal-state.ts';
import type { ListedCertificate, Store } from '../../acme/storage.ts';

/** When a stored certificate will be renewed, and how the last attempt went: what the store knows, without asking anybody. */
export interface Renewal {
  readonly renewAt: string;
  /** What the CA suggests (ARI). */
  readonly window?: { readonly start: string; readonly end: string } | undefined;
  readonly failure?: { readonly at: string; readonly notBefore: string; readonly message: string } | undefined;
  readonly deploy?: 'pending' | undefined;
}

export async function renewalOf(
  { name, certificatePem, settings }: Pick<ListedCertificate, 'name' | 'certificatePem' | 'settings'>,
  info: CertificateInfo,
  store: Store,
): Promise<Renewal> {
  const state = stateOf(certificatePem, await store.readRenewal(name), () => info);
  const { ari: { start, end } = {}, failure, deploy } = state;
  return {
    renewAt: dueOf(state, { renewDays: settings?.renewDays }).at.toISOString(),
    ...(start && end ? { window: { start, end } } : {}),
    ...(failure ? { failure: { at: failure.at, notBefore: failure.notBefore, message: failure.message } } : {}),
    ...(deploy ? { deploy } : {}),
  };
}

/** For people, a label and what it is. */
export function renewalLines({ renewAt, window, failure, deploy }: Renewal): [string, string][] {
  const day = (time: string) => time.slice(0, 10);
  const suggested = window ? `, in the window of the CA: ${day(window.start)} to ${day(window.end)}` : '';
  return [
    ['due', `from ${day(renewAt)} on${suggested}`],
    ...(failure ? ([['failed', `on ${failure.at.slice(0, 16)}Z: ${failure.message}`]] as [string, string][]) : []),
    ...(deploy ? ([['deploy hook', 'did not run to its end, and is run again']] as [string, string][]) : []),
  ];
}
