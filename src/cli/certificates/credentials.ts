import type { CommandContext } from '../main.ts';
import { checkDns } from '../shared-dns.ts';
import type { CertificatePlan } from './plan.ts';

/** Reads the settings of all providers of a plan, so that what is missing is told before anything is begun. Throws `ConfigError`. */
export const readSettingsOf = (plan: CertificatePlan, context: CommandContext): Promise<void> =>
  checkDns({ ...plan, names: plan.settings.names }, context);
