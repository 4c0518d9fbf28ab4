import { refuse } from './problem.ts';

/** What certificates of a kind are like (draft-ietf-acme-profiles), after Let's Encrypt's. */
export interface Profile {
  readonly lifetimeMs: number;
  readonly mostNames: number;
  /** Whether there is a common name, and a key identifier of the subject. */
  readonly traditional: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const profiles: Readonly<Record<string, Profile>> = {
  classic: { lifetimeMs: 90 * DAY_MS, mostNames: 100, traditional: true },
  tlsserver: { lifetimeMs: 45 * DAY_MS, mostNames: 25, traditional: false },
  shortlived: { lifetimeMs: 160 * HOUR_MS, mostNames: 25, traditional: false },
};
export const DEFAULT_PROFILE = 'classic';

/** Of this name, or the default one. `lifetimeMs` overrides the profile's own. */
export function profileNamed(name: unknown, lifetimeMs?: number): Profile & { readonly name: string } {
  const wanted = name ?? DEFAULT_PROFILE;
  const profile = typeof wanted === 'string' && Object.hasOwn(profiles, wanted) ? profiles[wanted] : undefined;
  if (!profile || typeof wanted !== 'string') {
    return refuse('invalidProfile', `no such profile; there are ${Object.keys(profiles).join(', ')}`);
  }
  return { ...profile, name: wanted, ...(lifetimeMs === undefined ? {} : { lifetimeMs }) };
}

/** For the directory: what each profile is. */
export const profileDescriptions = (lifetimeMs?: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(profiles).map(([name, { mostNames, ...own }]) => {
      const hours = Math.round(((lifetimeMs ?? own.lifetimeMs) / HOUR_MS) * 100) / 100;
      return [name, `valid for ${hours} hours, up to ${mostNames} names; from a test CA`];
    }),
  );
