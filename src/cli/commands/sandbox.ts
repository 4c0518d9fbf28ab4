import { lookup } from 'node:dns/promises';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ConfigError } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Sandbox, SandboxOptions } from '../../sandbox/index.ts';
import type { Io } from '../io.ts';
import type { CommandContext, Outcome } from '../main.ts';
import { readFlags } from '../options.ts';
import { runWith, shellQuoted } from '../sandbox-command.ts';
import { describeSandbox } from '../sandbox-env.ts';
import { type SandboxFlags, sandboxFlags } from '../sandbox-options.ts';

const DEFAULT_ZONE = 'example.test';

/** A test CA and a DNS server, until a signal comes, or around a command. */
export async function sandbox(context: CommandContext): Promise<Outcome> {
  const { io, log, options, words = [] } = context;
  const flags = readFlags(sandboxFlags, context.own ?? new Map(), {});
  const started = await sandboxOptions(flags, io);
  const folder = await mkdtemp(join(tmpdir(), 'quoin-sandbox-'));
  try {
    // The root certificate is in there, for whoever has to trust it.
    await chmod(folder, 0o755);
    const { startSandbox } = await import('../../sandbox/index.ts');
    const running = await startSandbox({
      ...started,
      folder: started.stateFolder ?? folder,
      log: words.length > 0 ? aside(log) : log,
    });
    try {
      if (words.length === 0) return await serve(running, options.json, io);
      log.info(`test CA ${running.directoryUrl}, DNS ${dnsText(running)}; never for production`);
      return { text: '', exitCode: await runWith(words, running.environment, { io, folder }) };
    } finally {
      await running.close();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Around a command its own output is what matters. */
const aside = (log: Log): Log => ({ ...log, info: log.debug, waiting: log.debug });

async function sandboxOptions(flags: SandboxFlags, io: Io): Promise<Omit<SandboxOptions, 'folder' | 'log'>> {
  const { dnsServer, zones, propagation, retryAfter, externalAccounts, state } = flags;
  if (dnsServer && (zones.length > 0 || flags.dnsPort !== undefined || propagation > 0)) {
    throw new ConfigError('--dns-server does not go together with --zone, --dns-port and --propagation', {
      hint: "those are for the sandbox's own DNS server, which is not started then",
    });
  }
  return {
    port: flags.port,
    dnsPort: flags.dnsPort,
    zones: zones.length > 0 ? zones : [DEFAULT_ZONE],
    stateFolder: state === undefined ? undefined : resolve(io.cwd, state),
    ...(dnsServer ? { dnsServer: { address: await addressOf(dnsServer.host), port: dnsServer.port } } : {}),
    ...(externalAccounts.length > 0 ? { externalAccounts } : {}),
    propagationMs: propagation,
    lifetimeMs: flags.lifetime,
    renewalWindow: flags.renewalWindow,
    noise: {
      ...(flags.nonceReject === undefined ? {} : { nonceRejectPercent: flags.nonceReject }),
      ...(flags.delay === undefined ? {} : { delayMs: flags.delay }),
      ...(retryAfter === undefined ? {} : { retryAfterSeconds: Math.ceil(retryAfter / 1000) }),
      ...(flags.processing === undefined ? {} : { processingMs: flags.processing }),
      failures: flags.failures,
    },
  };
}

async function addressOf(host: string): Promise<string> {
  if (isIP(host)) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    throw new ConfigError(`--dns-server ${host} was not found`, { cause });
  }
}

/** Says what there is, and goes on until the user or the system wants it to end: which is how a sandbox ends well. */
async function serve(running: Sandbox, json: boolean, io: Io): Promise<Outcome> {
  const forget = await describeSandbox(running.environment, io.env);
  try {
    // Written as it is: the secrets of a sandbox are there to be used.
    io.stdout.write(json ? `${JSON.stringify(documentOf(running), null, 2)}\n` : banner(running));
    if (!io.signal.aborted)
      await new Promise((resolve) => io.signal.addEventListener('abort', resolve, { once: true }));
    return { text: '' };
  } finally {
    await forget();
  }
}

const dnsText = ({ dnsServer, zones }: Sandbox): string =>
  `${dnsServer.address}:${dnsServer.port}${zones.length > 0 ? ` for ${zones.join(', ')}` : ' (not of this sandbox)'}`;

const documentOf = ({ directoryUrl, rootFile, dnsServer, zones, environment }: Sandbox): object => ({
  directory: directoryUrl,
  root: rootFile,
  dns: { ...dnsServer, zones },
  environment,
  pid: process.pid,
});

const banner = (running: Sandbox): string => {
  const { directoryUrl, rootFile, zones, environment } = running;
  const [zone] = zones;
  return [
    'This is a test CA, with keys that nobody protects. Never use it, or trust its root, in production.',
    '',
    `  directory  ${directoryUrl}`,
    `  root       ${rootFile}`,
    `  DNS        ${dnsText(running)}`,
    '',
    ...(zone
      ? [
          'In another terminal:',
          '',
          `  quoin run --server sandbox --dns sandbox -d ${zone} -d '*.${zone}'`,
          '',
          'or, for quoin, lego and others:',
        ]
      : ['In another terminal:']),
    '',
    ...Object.entries(environment).map(([name, value]) => `  export ${name}=${shellQuoted(value)}`),
    '',
    'Ctrl-C ends it.',
    '',
  ].join('\n');
};
