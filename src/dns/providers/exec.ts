import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { kill } from 'node:process';
import { ConfigError, choice, defineProvider, direct, ProviderError, type TxtRecord, text } from '../kit/index.ts';

/** Hooks of this kind often wait for their DNS server themselves; this ends those that wait for ever. */
const LIMIT_MS = 15 * 60_000;
const TAIL_LINES = 10;
/** What unlocks the ACME account or a key file is no business of a DNS script. */
const ours = /^(?:QUOIN|LEGO)_.*(?:HMAC|PASS)/u;

/** Where the program is, like a shell would look for it; told before anything is ordered. */
async function locate(program: string, path = ''): Promise<string> {
  const places = program.includes('/') ? [program] : path.split(delimiter).map((folder) => join(folder, program));
  for (const place of places) {
    const runs = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return place;
  }
  throw new ConfigError(`exec: EXEC_PATH names ${program}, which is missing or not executable`, {
    hint: `try: chmod +x ${program}`,
  });
}

export default defineProvider({
  id: 'exec',
  name: 'External program',
  website: 'https://go-acme.github.io/lego/dns/exec/',
  apiDocs: 'https://go-acme.github.io/lego/dns/exec/',
  notes:
    'Called without a shell: `<program> present|cleanup <fqdn.> <value>`, or `<program> present|cleanup -- <domain> <token> <keyAuth>` ' +
    'in mode `RAW`. It finds the environment of quoin. Any exit status but 0 ends the run. Its output is shown with `--debug`.',
  env: {
    path: text('EXEC_PATH', 'The program'),
    mode: choice('EXEC_MODE', 'Hand over the challenge itself instead of name and value', ['RAW']).optional(),
  },
  tuning: { prefix: 'EXEC', sequenceInterval: 60, ignored: ['ttl', 'httpTimeout'] },
  oneValueAtATime: true,

  async connect({ config: { path, mode }, env, log, signal }) {
    const { execa } = await import('execa');
    const program = await locate(path, env.PATH);
    const passedOn = Object.fromEntries(Object.entries(env).filter(([name]) => !ours.test(name)));

    const run =
      (action: string) =>
      async (_zone: unknown, { fqdn, value, challenge }: TxtRecord) => {
        if (mode === 'RAW' && !challenge)
          throw new ProviderError(
            'api',
            `exec: ${fqdn}: mode RAW needs the token of an ACME challenge, and there is none`,
            {
              hint: 'unset EXEC_MODE for rehearsals',
            },
          );
        const { domain = '', token = '', keyAuth = '' } = challenge ?? {};
        const args = mode === 'RAW' ? [action, '--', domain, token, keyAuth] : [action, `${fqdn}.`, value];
        const asked = signal();
        asked.throwIfAborted();

        // A process group of its own: the program gets no Ctrl-C meant for us, and its children end with it.
        const child = execa(program, args, {
          env: passedOn,
          extendEnv: false,
          stdin: 'ignore',
          all: true,
          buffer: false,
          reject: false,
          detached: true,
        });
        const end = (how: NodeJS.Signals) => {
          try {
            if (child.pid) kill(-child.pid, how);
          } catch {} // It has ended meanwhile.
        };
        const late = AbortSignal.timeout(LIMIT_MS);
        const stop = AbortSignal.any([asked, late]);
        let killer: NodeJS.Timeout | undefined;
        const onStop = () => {
          end('SIGTERM');
          killer = setTimeout(end, 5000, 'SIGKILL');
        };
        stop.addEventListener('abort', onStop, { once: true });

        const tail: string[] = [];
        try {
          for await (const line of child.iterable({ from: 'all' })) {
            log.debug(`exec: ${line}`);
            tail.push(line.slice(0, 200));
            if (tail.length > TAIL_LINES) tail.shift();
          }
          const { exitCode, signal: killedBy, shortMessage } = await child;
          asked.throwIfAborted();
          if (exitCode === 0) return;
          const how = late.aborted
            ? `did not end within ${LIMIT_MS / 60_000} min`
            : exitCode === undefined
              ? killedBy
                ? `was ended by ${killedBy}`
                : `could not be run: ${shortMessage}`
              : `exited with ${exitCode}`;
          const said = tail
            .join(' ')
            .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
            .trim();
          throw new ProviderError('api', `exec: ${path} ${action} ${fqdn} ${how}${said ? `: ${said}` : ''}`);
        } finally {
          clearTimeout(killer);
          stop.removeEventListener('abort', onStop);
        }
      };
    return direct({ add: run('present'), remove: run('cleanup') });
  },
});
