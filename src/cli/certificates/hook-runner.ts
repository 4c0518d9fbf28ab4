import { beside } from '../../acme/extra-files.ts';
import type { HookSettings, StoredCertificate } from '../../acme/storage.ts';
import { parseAssignments } from '../../dns/assignments.ts';
import { resolveProvider } from '../../dns/resolve.ts';
import { isAppError } from '../../errors.ts';
import { type HookFacts, type HookKind, secretVariables } from '../hook-environment.ts';
import { errorJson } from '../render-error.ts';
import type { CertificatePlan } from './plan.ts';
import type { Bench } from './secure.ts';

export interface HookRunner {
  has(kind: HookKind): boolean;
  /** Throws `ConfigError` for a hook that cannot be run. */
  check(): Promise<void>;
  /** Throws `HookError`. */
  run(kind: 'pre' | 'deploy', action: HookFacts['action'], certificate?: StoredCertificate): Promise<void>;
  /** Runs the post hook, if anything was run; its failure is a result. */
  finish(
    outcome: NonNullable<HookFacts['outcome']>,
    action: HookFacts['action'],
    stored: StoredCertificate | undefined,
    error: unknown,
  ): Promise<unknown>;
}

/** The hooks of one certificate. Nothing is loaded where it has none. */
export async function hookRunner(
  plan: CertificatePlan,
  { store, context, log, others = [] }: Bench,
): Promise<HookRunner> {
  const { io } = context;
  const { cwd = io.cwd, ...commands }: HookSettings = plan.settings.hooks ?? {};
  const has = (kind: HookKind) => commands[kind] !== undefined;
  if (!has('pre') && !has('deploy') && !has('post')) return none;

  const { checkHook, runHook } = await import('../hooks.ts');
  const secrets: string[] = [];
  const used = [...new Set([...plan.dns, ...others])].flatMap((dns) => parseAssignments([dns]));
  for (const { code, prefix } of used)
    secrets.push(...secretVariables(await resolveProvider(code, io.cwd), prefix === undefined ? [] : [prefix]));

  const factsOf = (action: HookFacts['action'], certificate?: StoredCertificate): HookFacts => {
    const { names, keyType, directoryUrl, accountId, files = {} } = certificate?.settings ?? plan.settings;
    const paths = store.paths(plan.name);
    const withKey = certificate?.keyPem !== undefined;
    return {
      ...{ name: plan.name, names, keyType, action, server: directoryUrl, store: store.root },
      account: { id: accountId, email: plan.account.email },
      files: certificate && {
        certificate: paths.certificate,
        issuer: paths.issuer,
        key: withKey ? paths.key : undefined,
        pem: files.pem && withKey ? beside(paths, '.pem') : undefined,
        pfx: files.pfx && withKey ? beside(paths, '.pfx') : undefined,
      },
    };
  };
  const run = async (kind: HookKind, facts: HookFacts) => {
    const command = commands[kind];
    if (command === undefined) return;
    await runHook(kind, command, facts, {
      ...{ env: plan.env, cwd, secrets, passed: plan.hookEnv, timeoutMs: plan.hookTimeouts[kind] },
      ...{ log, signal: io.signal, hurry: io.hurry },
    });
  };

  return {
    has,
    async check() {
      for (const [kind, command] of Object.entries(commands))
        if (command !== undefined) await checkHook(kind as HookKind, command, { cwd, env: plan.env });
    },
    run: (kind, action, certificate) => run(kind, factsOf(action, certificate)),
    async finish(outcome, action, stored, error) {
      const { code } = (errorJson(error) as { error: { code: string } }).error;
      try {
        await run('post', { ...factsOf(action, stored), outcome, error: error === undefined ? undefined : code });
        return undefined;
      } catch (caught) {
        if (!isAppError(caught)) throw caught;
        if (error !== undefined) log.warn(caught.message);
        return caught;
      }
    },
  };
}

const none: HookRunner = {
  has: () => false,
  check: async () => {},
  run: async () => {},
  finish: async () => undefined,
};
