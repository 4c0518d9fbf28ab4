import { ConfigError } from '../errors.ts';
import { duration, type Flag, flag, list, text, type ValuesOf } from './flags.ts';

/** Hooks around a certificate: docs/guides/hooks.md. lego 4 has two deploy hooks, one for each of its commands. */
export const hookFlags = {
  preHook: flag({
    flags: '--pre-hook <command>',
    env: 'PRE_HOOK',
    parse: text,
    help: 'run this before a certificate is asked for',
  }),
  deployHook: flag({
    flags: '--deploy-hook <command>',
    older: ['--run-hook <command>', '--renew-hook <command>'],
    env: 'DEPLOY_HOOK',
    parse: text,
    help: 'run this when a new certificate has been saved',
  }),
  postHook: flag({
    flags: '--post-hook <command>',
    env: 'POST_HOOK',
    parse: text,
    help: 'run this in the end, whatever happened, if something was to be done',
  }),
  preHookTimeout: flag({
    flags: '--pre-hook-timeout <time>',
    env: 'PRE_HOOK_TIMEOUT',
    parse: limit,
    fallback: 120_000,
    help: 'longest time for the pre hook (default: 2m)',
  }),
  deployHookTimeout: flag({
    flags: '--deploy-hook-timeout <time>',
    older: ['--run-hook-timeout <time>', '--renew-hook-timeout <time>'],
    env: 'DEPLOY_HOOK_TIMEOUT',
    parse: limit,
    fallback: 120_000,
    help: 'longest time for the deploy hook (default: 2m)',
  }),
  postHookTimeout: flag({
    flags: '--post-hook-timeout <time>',
    env: 'POST_HOOK_TIMEOUT',
    parse: limit,
    fallback: 120_000,
    help: 'longest time for the post hook (default: 2m)',
  }),
  hookEnv: flag({
    flags: '--hook-env <name>',
    env: 'HOOK_ENV',
    many: true,
    parse: names,
    fallback: [] as string[],
    help: 'let hooks see this secret variable; repeat it, or separate names by commas',
  }),
} satisfies Record<string, Flag<unknown>>;

export type HookFlags = ValuesOf<typeof hookFlags>;

function limit(value: string, name: string): number {
  const ms = duration(value, name);
  if (ms <= 0) throw new ConfigError(`${name} ${value} leaves the hook no time`);
  return ms;
}

function names(value: string, name: string): string[] {
  const found = list(value);
  const wrong = found.find((one) => !/^[A-Za-z_]\w*$/u.test(one));
  if (wrong !== undefined) {
    const equals = wrong.includes('=');
    throw new ConfigError(`${name} ${equals ? wrong.replace(/=.*/su, '=...') : wrong} is no name of a variable`, {
      hint: 'write the name alone; its value is that of the environment',
    });
  }
  return found;
}
