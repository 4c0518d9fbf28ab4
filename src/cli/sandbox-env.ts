import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError } from '../errors.ts';
import { makeFolder, namesIn, readJson, removeFile, removeQuietly, writeFileAtomic } from '../files.ts';
import type { Options } from './options.ts';

/** How `--server sandbox` and `--dns sandbox` find a running `quoin sandbox`: by a file that it writes, with its variables. */
type Env = Readonly<Record<string, string | undefined>>;

interface Description {
  readonly pid: number;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Where sandboxes are described, a file each: in the user's runtime folder (XDG Base Directory Specification), else in the
 * one for temporary files, where other users could have made a folder of that name.
 */
const places = ({ XDG_RUNTIME_DIR: runtime }: Env): string[] => [
  ...(runtime && isOurs(runtime) ? [join(runtime, 'quoin-sandbox')] : []),
  join(tmpdir(), `quoin-sandbox-${process.getuid?.() ?? 'user'}`),
];

/** Nobody else may look into it or write there: it leads to a CA to trust, and holds the secret of the TSIG key. */
function isOurs(folder: string): boolean {
  const found = lstatSync(folder, { throwIfNoEntry: false });
  return found?.isDirectory() === true && found.uid === (process.getuid?.() ?? found.uid) && (found.mode & 0o077) === 0;
}

/** Tells other processes of this user about a sandbox in this one; the result takes that back. */
export async function describeSandbox(environment: Description['environment'], env: Env): Promise<() => Promise<void>> {
  const [folder = ''] = places(env);
  await makeFolder(folder);
  if (!isOurs(folder)) {
    throw new ConfigError(`${folder} is not for this user alone`, {
      hint: 'remove it, or set XDG_RUNTIME_DIR to a folder that only you can look into',
    });
  }
  const file = join(folder, `${process.pid}.json`);
  const description: Description = { pid: process.pid, environment };
  await writeFileAtomic(file, `${JSON.stringify(description, null, 2)}\n`);
  return () => removeFile(file);
}

/** @throws ConfigError unless exactly one sandbox is running */
async function findSandbox(env: Env): Promise<Description['environment']> {
  const running: Description[] = [];
  const ended: number[] = [];
  for (const folder of places(env).filter(isOurs)) {
    for (const name of (await namesIn(folder)).filter((entry) => entry.endsWith('.json'))) {
      const file = join(folder, name);
      const found = await readJson<Description>(file).catch(() => undefined);
      if (typeof found?.pid !== 'number' || typeof found.environment !== 'object') continue;
      if (isAlive(found.pid)) running.push(found);
      else {
        ended.push(found.pid);
        await removeQuietly(file);
      }
    }
  }
  const [only, ...others] = running;
  if (!only) {
    const why = ended.length > 0 ? `: process ${ended.join(', ')}, in which one ran, has ended` : '';
    throw new ConfigError(`no sandbox is running${why}`, { hint: 'start one in another terminal: quoin sandbox' });
  }
  if (others.length > 0) {
    const urls = running.map(({ environment }) => environment.QUOIN_SANDBOX_DIRECTORY).join(', ');
    throw new ConfigError(`${running.length} sandboxes are running: ${urls}`, {
      hint: 'set the variables that the one you mean printed, instead of naming it',
    });
  }
  return only.environment;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

const NAME = 'sandbox';
/** Alone, or for one domain of several: `example.test=sandbox`. */
const DNS_NAME = /^([^=]*=)?sandbox$/u;

interface Wanted extends Pick<Options, 'server' | 'kid' | 'hmac'> {
  readonly servers: readonly string[];
  readonly caCertificates: readonly string[];
  readonly dns: readonly string[];
}

/** Whether the word `sandbox` stands for a server. */
export const namesSandbox = ({ servers, dns }: Pick<Wanted, 'servers' | 'dns'>): boolean =>
  servers.includes(NAME) || dns.some((typed) => DNS_NAME.test(typed));

/** Options and environment with the running sandbox in the place of the word `sandbox`. */
export async function withSandbox<O extends Wanted>(options: O, env: Env): Promise<{ options: O; env: Env }> {
  // Below `quoin sandbox -- command` its own sandbox is meant, whatever else is running.
  const sandbox: Env = env.QUOIN_SANDBOX_DIRECTORY ? env : await findSandbox(env);
  const {
    QUOIN_SANDBOX_DIRECTORY: server = '',
    QUOIN_SANDBOX_ROOT: root = '',
    QUOIN_DNS_RESOLVERS: resolver,
  } = sandbox;
  const asCa = options.servers.includes(NAME);
  // Its terms and its roots are no other CA's.
  const alone = options.servers.every((one) => one === NAME);
  const asDns = options.dns.some((typed) => DNS_NAME.test(typed));
  if (asDns && !sandbox.RFC2136_NAMESERVER) {
    throw new ConfigError('the running sandbox has no DNS server of its own', {
      hint: 'start it without --dns-server, or name your provider with --dns',
    });
  }
  const bound = options.kid || options.hmac || !sandbox.QUOIN_EAB_KID;
  return {
    options: {
      ...options,
      ...(asCa ? { server, servers: options.servers.map((one) => (one === NAME ? server : one)) } : {}),
      ...(asCa ? { caCertificates: alone ? [root] : [root, ...options.caCertificates] } : {}),
      ...(asCa && alone ? { acceptTos: true } : {}),
      ...(asCa && !bound ? { eab: true, kid: sandbox.QUOIN_EAB_KID, hmac: sandbox.QUOIN_EAB_HMAC } : {}),
      ...(asDns ? { dns: options.dns.map((typed) => typed.replace(DNS_NAME, '$1rfc2136')) } : {}),
      // No other server knows the zones of a sandbox.
      ...(resolver ? { resolvers: [resolver] } : {}),
    },
    env: {
      ...env,
      ...Object.fromEntries(
        Object.entries(sandbox).filter(
          ([name]) => name === 'QUOIN_DNS_AUTHORITATIVE_PORT' || (asDns && name.startsWith('RFC2136_')),
        ),
      ),
    },
  };
}
