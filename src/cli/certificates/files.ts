import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { beside, extraFiles, PUBLIC_PFX_PASSWORD, refuseForgottenPassword } from '../../acme/extra-files.ts';
import type { CertificateFiles, Store, StoredCertificate } from '../../acme/storage.ts';
import { ConfigError } from '../../errors.ts';
import { readIfThere } from '../../files.ts';
import type { Log } from '../../log.ts';
import type { CertificatePlan } from './plan.ts';

/** How the files of this certificate are to be written, with those that lego does not have by default. */
export async function storedFiles(
  { settings, owner, pfxPassword }: CertificatePlan,
  certificate: StoredCertificate,
): Promise<CertificateFiles> {
  const { pem, pfx, mode } = settings.files ?? {};
  return {
    extra: await extraFiles({ pem, pfx, pfxPassword, certificate }),
    ...(mode === undefined ? {} : { mode: Number.parseInt(mode, 8) }),
    ...(owner === undefined ? {} : { owner }),
  };
}

/** What can be said about the files before a certificate is ordered. Throws `ConfigError`. */
export async function checkFiles(
  { name, settings, pfxPassword }: CertificatePlan,
  store: Store,
  log: Log,
): Promise<void> {
  if (!settings.files?.pfx || pfxPassword !== undefined) return;
  const path = beside(store.paths(name), '.pfx');
  const before = await readIfThere(path, 'latin1');
  if (before !== undefined) await refuseForgottenPassword(Buffer.from(before, 'latin1'), path);
  log.warn(`the .pfx file has the password ${PUBLIC_PFX_PASSWORD}, which everybody knows: set QUOIN_PFX_PASSWORD`);
}

const run = promisify(execFile);

/** The numbers of `user`, `user:group` or `:group`. Throws `ConfigError` for strangers, and where this process may not give files away. */
export async function resolveOwner(text: string): Promise<{ uid: number; gid: number }> {
  const [, user = '', group] = /^([^:]*)(?::(.+))?$/u.exec(text) ?? [];
  const ask = async (command: string, args: readonly string[], what: string): Promise<number> => {
    try {
      const found = (await run(command, [...args])).stdout.trim();
      return Number(command === 'getent' ? found.split(':')[2] : found);
    } catch (cause) {
      throw new ConfigError(`--cert.owner ${text}: there is no ${what}`, { cause });
    }
  };
  const isNumber = (name: string) => /^\d+$/u.test(name);
  const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const uid = user === '' ? own.uid : isNumber(user) ? Number(user) : await ask('id', ['-u', user], `user ${user}`);
  const gid =
    group === undefined
      ? user === '' || isNumber(user)
        ? own.gid
        : await ask('id', ['-g', user], `user ${user}`)
      : isNumber(group)
        ? Number(group)
        : await ask('getent', ['group', group], `group ${group}`);
  const mine = uid === own.uid && (gid === own.gid || process.getgroups?.().includes(gid));
  if (own.uid !== 0 && !mine) {
    throw new ConfigError(`--cert.owner ${text}: this process may not give files to them`, {
      hint: 'run as root, or name a group that you are in: --cert.owner :GROUP',
    });
  }
  return { uid, gid };
}
