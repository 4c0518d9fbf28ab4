import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Interrupted } from '../../src/errors.ts';
import { makeCa } from '../helpers/tls.ts';
import { quoin } from './world.ts';

const newFolder = () => mkdtempSync(join(tmpdir(), 'quoin-cli-'));
const errorOf = (stdout: string) => (JSON.parse(stdout) as { error: { code: string; message: string } }).error;
/** Enough for `run` to get as far as the CA. */
const ANYWHERE = ['run', '-d', 'example.com', '-a', '--max-wait', '0s'];
const TO_THE_CA = [...ANYWHERE, '--dns', 'exec'];
const WITH_EXEC = { EXEC_PATH: '/bin/true' };

async function withCa(answer: RequestListener, use: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/directory`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

describe('help', () => {
  it('lists exactly the commands that exist', async () => {
    const { code, stdout, stderr } = await quoin(['--help']);
    expect([code, stderr]).toEqual([0, '']);
    const commands = stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z]+)/gmu);
    expect([...commands].map(([, name]) => name)).toEqual([
      'run',
      'renew',
      'apply',
      'revoke',
      'list',
      'show',
      'export',
      'import',
      'dnshelp',
      'completion',
      'check',
      'cleanup',
      'account',
      'persist',
      'sandbox',
      'help',
    ]);
  });

  it('hides older spellings and flags that quoin lacks', async () => {
    const { stdout } = await quoin(['run', '--help']);
    expect(stdout).toContain('--dns.propagation.disable-ans');
    for (const hidden of ['--dns.disable-cp', '--days', '--filename', '--run-hook'])
      expect(stdout).not.toContain(`${hidden} `);
  });

  it('answers --version with nothing but the version', async () => {
    expect(await quoin(['--version'])).toEqual({ code: 0, stdout: 'dev\n', stderr: '' });
  });
});

describe('wrong command lines exit with 2', () => {
  it.each([
    [['rnu'], 'Did you mean run?'],
    [['run', '--dnss', 'x'], 'Did you mean --dns?'],
    [['run', 'surplus'], 'too many arguments'],
    [['run', '--dns'], 'argument missing'],
    [['run', '--dns', 'exec'], 'no domain name was given'],
    [['run', '-d', 'example.com'], 'no DNS provider was given'],
    [['run', '-d', 'example.com', '--dns', 'clodflare'], 'did you mean cloudflare?'],
    [['run', '-d', 'example.com', '--dns', 'cloudflare'], 'CLOUDFLARE_DNS_API_TOKEN'],
    [['run', '-d', 'exa mple.com', '--dns', 'exec'], 'exa mple.com'],
    [['run', '-d', 'example.com', '--dns', 'exec', '-k', 'rsa1'], 'rsa2048'],
    [['run', '-d', 'example.com', '--dns', 'exec', '-s', 'letsencypt'], 'letsencrypt-staging'],
    [['run', '-d', 'example.com', '--dns', 'exec', '-s', 'http://ca.example/'], 'https://'],
    [['run', '-d', 'example.com', '--dns', 'exec', '--eab', '--kid', 'k'], '--hmac'],
    [['run', '-d', 'example.com', '--dns', 'exec', '--max-wait', 'soon'], '--max-wait soon'],
    [['run', '-d', 'example.com', '--dns', 'manual'], 'no person at a terminal'],
    [['list', '--env-file', 'missing.env'], 'missing.env'],
  ])('%j', async (argv, told) => {
    const { code, stdout, stderr } = await quoin(argv, { env: argv.includes('exec') ? WITH_EXEC : {} });
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(told);
  });

  it('says it as JSON too, and still once on standard error', async () => {
    for (const argv of [['run', '--json', '--dnss', 'x'], ['--json'], ['run', '--json']]) {
      const { code, stdout, stderr } = await quoin(argv);
      expect(code).toBe(2);
      expect(errorOf(stdout)).toMatchObject({ code: 'CONFIG', hint: expect.any(String) });
      expect(stderr).not.toBe('');
    }
  });
});

describe("lego's flags", () => {
  const place = newFolder();
  const names = async (argv: string[], env = {}) => {
    // The store shows which account and name the flags were read as, without a CA that answers.
    const { stderr } = await quoin([...argv, '--debug', '--max-wait', '0s', '--path', place], {
      env: { ...WITH_EXEC, ...env },
    });
    return stderr;
  };

  it.each([
    [['--dns', 'exec', '-d', 'a.example', '-m', 'a@b.example', '-a', '--server', 'https://127.0.0.1:1/v4', 'run']],
    [['run', '--dns', 'exec', '-d', 'a.example', '-m', 'a@b.example', '-a', '--server', 'https://127.0.0.1:1/v4']],
    [['--dns=exec', '--domains=a.example', 'run', '--email=a@b.example', '--server=https://127.0.0.1:1/v4']],
  ])('are read before and behind the command: %j', async (argv) => {
    expect(await names(argv)).toContain('could not read the directory https://127.0.0.1:1/v4: connection refused');
  });

  it('are read from LEGO_ variables, QUOIN_ ones win, and flags win over both', async () => {
    const argv = ['run', '--dns', 'exec', '-d', 'a.example'];
    const lego = { LEGO_SERVER: 'https://127.0.0.1:1/lego' };
    const both = { ...lego, QUOIN_SERVER: 'https://127.0.0.1:1/quoin' };
    expect(await names(argv, lego)).toContain('/lego: connection refused');
    expect(await names(argv, both)).toContain('/quoin: connection refused');
    expect(await names([...argv, '--server', 'https://127.0.0.1:1/flag'], both)).toContain('/flag: connection refused');
  });

  it.each([
    [['--config', 'x.yml'], '--config has no place here'],
    [['--log.level', 'loud'], '--log.level loud is not supported'],
    [['--tls-skip-verify'], '--tls-skip-verify is not supported: TLS is always verified'],
    [['--http'], '--http is not supported: quoin proves names by DNS-01 only'],
  ])('that quoin lacks are refused, before anything else: %j', async (flags, told) => {
    for (const argv of [
      [...flags, 'run'],
      ['run', ...flags],
    ]) {
      const { code, stderr } = await quoin(argv);
      expect([code, stderr.startsWith(`error: ${told}`)]).toEqual([2, true]);
    }
  });

  it('are refused from the environment too, unless they say no', async () => {
    expect(await quoin(['run'], { env: { LEGO_IPV4ONLY: 'true' } })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('LEGO_IPV4ONLY is not supported'),
    });
    expect((await quoin(['run'], { env: { LEGO_IPV4ONLY: 'false' } })).stderr).not.toContain('IPV4ONLY');
    expect((await quoin(['list'], { env: { LEGO_IPV4ONLY: 'true' } })).code).toBe(0);
  });

  it('that ask for what quoin does anyway are accepted', async () => {
    const flags = ['--force-cert-domains', '--enable-cn', '--dns.propagation.disable-rns'];
    expect((await quoin(['run', ...flags])).stderr).toContain('no domain name was given');
  });
});

describe('.env files', () => {
  const server = (name: string) => `QUOIN_SERVER=https://127.0.0.1:1/${name}\n`;
  const asked = async (cwd: string, argv: string[] = [], env = {}) => {
    const { stderr } = await quoin([...TO_THE_CA, ...argv], { cwd, env: { ...WITH_EXEC, ...env } });
    return /directory https:\/\/127\.0\.0\.1:1\/(\w+): connection refused/u.exec(stderr)?.[1];
  };

  it('add to the environment and never override it; a named file comes before .env', async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, '.env'), server('dotenv'), { mode: 0o600 });
    writeFileSync(join(cwd, 'other.env'), server('other'), { mode: 0o600 });
    expect(await asked(cwd)).toBe('dotenv');
    expect(await asked(cwd, ['--env-file', 'other.env'])).toBe('other');
    expect(await asked(cwd, [], { QUOIN_SERVER: 'https://127.0.0.1:1/process' })).toBe('process');
    expect(await asked(cwd, ['--server', 'https://127.0.0.1:1/flag'])).toBe('flag');
  });

  it('give providers their credentials, and leave the environment of the process alone', async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, '.env'), `EXEC_PATH=/bin/true\nQUOIN_CLI_TEST=1\n`, { mode: 0o600 });
    const { stderr } = await quoin([...TO_THE_CA, '-s', 'https://127.0.0.1:1/'], { cwd });
    expect(stderr).toContain('connection refused');
    expect(process.env.QUOIN_CLI_TEST).toBeUndefined();
  });

  it('that others can read draw a warning', async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, '.env'), '', { mode: 0o644 });
    expect((await quoin(['list'], { cwd })).stderr).toMatch(/WARNING .*\.env can be read by others/u);
  });
});

describe('run', () => {
  it('touches the disk, but no network, before everything has been checked', async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, 'file'), '');
    const { code, stdout } = await quoin([...TO_THE_CA, '--path', 'file', '--json'], { cwd, env: WITH_EXEC });
    expect([code, errorOf(stdout).code]).toEqual([6, 'STORAGE']);
  });

  it('shows no secret, even when the CA sends it back', async () => {
    const token = 'tok-"1234567890"/secret+';
    const env = { CF_DNS_API_TOKEN: token };
    const echo: RequestListener = (_request, response) => {
      response.statusCode = 500;
      response.end(`your token is ${token} or ${encodeURIComponent(token)}`);
    };
    await withCa(echo, async (url) => {
      const argv = [...ANYWHERE, '--dns', 'cloudflare', '--server', url, '--json', '--debug'];
      const { code, stdout, stderr } = await quoin(argv, { env });
      expect(code).toBe(3);
      expect(errorOf(stdout).message).toContain('your token is *** or ***');
      expect(stdout + stderr).not.toContain('1234567890');
    });
  });

  it('keeps the JSON document whole when a secret is an ordinary word', async () => {
    const argv = [...ANYWHERE, '--dns', 'cloudflare', '--server', 'https://127.0.0.1:1/', '--json'];
    const { stdout } = await quoin(argv, { env: { CF_DNS_API_TOKEN: 'message' } });
    expect(errorOf(stdout).message).toContain('connection refused');
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('ends with %s as its reason, whatever was under way', async (name, exitCode) => {
    const controller = new AbortController();
    const cwd = newFolder();
    // The CA never answers; the signal comes while it is waited for.
    await withCa(
      () => controller.abort(new Interrupted(name)),
      async (url) => {
        const argv = [...TO_THE_CA, '--server', url, '--json'];
        const { code, stdout, stderr } = await quoin(argv, { cwd, env: WITH_EXEC, signal: controller.signal });
        expect([code, errorOf(stdout).code]).toEqual([exitCode, 'INTERRUPTED']);
        expect(stderr).not.toContain('internal error');
      },
    );
    expect(readdirSync(join(cwd, '.quoin/journal'))).toEqual([]);
  });

  it('ends at once when the signal comes during a pause between two tries', async () => {
    const controller = new AbortController();
    const unavailable: RequestListener = (_request, response) => {
      response.writeHead(503, { 'retry-after': '60' }).end();
      response.once('close', () => setTimeout(() => controller.abort(new Interrupted('SIGINT')), 200));
    };
    await withCa(unavailable, async (url) => {
      const argv = [...TO_THE_CA, '--max-wait', '2m', '--server', url];
      const { code, stderr } = await quoin(argv, { env: WITH_EXEC, signal: controller.signal });
      expect([code, stderr]).toEqual([130, expect.stringContaining('trying again in 60 s')]);
      expect(stderr).toContain('error: interrupted by SIGINT');
    });
  });

  it('reads the credentials before anything is written', async () => {
    const cwd = newFolder();
    expect((await quoin(['run', '-d', 'example.com', '--dns', 'cloudflare'], { cwd })).code).toBe(2);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('uses ./.lego where there is one', async () => {
    const cwd = newFolder();
    mkdirSync(join(cwd, '.lego'));
    await quoin([...TO_THE_CA, '--server', 'https://127.0.0.1:1/'], { cwd, env: WITH_EXEC });
    expect(readdirSync(cwd)).toEqual(['.lego']);
  });

  it('names a stored certificate that is damaged, and does not call that a bug', async () => {
    const cwd = newFolder();
    mkdirSync(join(cwd, '.quoin/certificates'), { recursive: true });
    const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    writeFileSync(join(cwd, '.quoin/certificates/example.com.crt'), block);
    writeFileSync(join(cwd, '.quoin/certificates/example.com.key'), 'key');
    const { code, stderr } = await quoin(TO_THE_CA, { cwd, env: WITH_EXEC });
    expect([code, stderr]).toEqual([6, expect.stringContaining('example.com')]);
    expect(stderr).not.toContain('bug');
  });

  it('finds nothing due for a fresh certificate that lego wrote, without asking the CA, unless its key is gone', async () => {
    const ca = makeCa();
    const { key, cert } = ca.issue('DNS:example.com');
    ca.remove();
    const cwd = newFolder();
    const file = (extension: string) => join(cwd, `.lego/certificates/example.com${extension}`);
    mkdirSync(join(cwd, '.lego/certificates'), { recursive: true });
    writeFileSync(file('.crt'), cert + ca.cert);
    writeFileSync(file('.issuer.crt'), ca.cert);
    writeFileSync(file('.key'), key);
    writeFileSync(file('.json'), JSON.stringify({ domain: 'example.com', certUrl: 'https://ca.example/1' }));
    const run = () => quoin([...TO_THE_CA, '--server', 'https://127.0.0.1:1/', '--json'], { cwd, env: WITH_EXEC });
    const fresh = await run();
    expect([fresh.code, JSON.parse(fresh.stdout)]).toMatchObject([
      0,
      { action: 'unchanged', certificate: { name: 'example.com', paths: { key: file('.key') } } },
    ]);
    rmSync(file('.key'));
    expect(await run()).toMatchObject({ code: 3, stderr: expect.stringContaining('connection refused') });
  });
});

describe('list', () => {
  it('is empty without a store, and makes none', async () => {
    const cwd = newFolder();
    const { code, stdout } = await quoin(['list', '--json'], { cwd });
    expect([code, JSON.parse(stdout)]).toEqual([0, { certificates: [], problems: [] }]);
    expect(readdirSync(cwd)).toEqual([]);
  });

  it('reports what cannot be read, by its path, and exits with 6', async () => {
    const cwd = newFolder();
    mkdirSync(join(cwd, '.quoin/certificates'), { recursive: true });
    writeFileSync(join(cwd, '.quoin/certificates/broken.example.crt'), 'nothing');
    const { code, stdout, stderr } = await quoin(['list', '--json'], { cwd });
    expect([code, JSON.parse(stdout)]).toMatchObject([6, { certificates: [], problems: [{ name: 'broken.example' }] }]);
    expect(stderr).toContain('certificates/broken.example.crt');
  });

  it('answers with --quiet too', async () => {
    expect((await quoin(['list', '--quiet'])).stdout).toContain('no certificates in');
  });
});

describe('dnshelp', () => {
  it('names every provider, or what one needs, for people and for machines', async () => {
    expect((await quoin(['dnshelp'])).stdout).toMatch(/^cloudflare +Cloudflare$/mu);
    const all = JSON.parse((await quoin(['dnshelp', '--json'])).stdout) as { providers: { code: string }[] };
    expect(all.providers.map(({ code }) => code)).toContain('rfc2136');

    const text = (await quoin(['dnshelp', '-c', 'cloudflare'])).stdout;
    expect(text).toContain('CLOUDFLARE_DNS_API_TOKEN');
    expect(text).not.toMatch(/[|<`]/u);
    const one = JSON.parse((await quoin(['dnshelp', '-c', 'cloudflare', '--json'])).stdout) as object;
    expect(one).toMatchObject({ code: 'cloudflare', credentials: {}, tuning: expect.any(Array) });
  });

  it('exits with 2 for a provider that is not known', async () => {
    expect((await quoin(['dnshelp', '-c', 'nobody'])).code).toBe(2);
  });
});

/** A provider of the user's own that writes down what it is told to remove. */
const PLUGIN = `
import { appendFileSync } from 'node:fs';
export default {
  [Symbol.for('quoin.dns-provider/1')]: true,
  id: 'own', name: 'Own', website: 'https://own.example', env: {}, tuning: { prefix: 'OWN' },
  connect: ({ env }) => ({
    findZone: async (name) => (name === 'a.example' ? { name } : undefined),
    apply: async (zone, { remove }) => {
      for (const { fqdn, value } of remove) appendFileSync(env.REMOVED, fqdn + ' ' + value + '\\n');
    },
  }),
};
`;

describe('cleanup', () => {
  it('finds nothing to do in an empty store', async () => {
    const { code, stdout } = await quoin(['cleanup', '--json']);
    expect([code, JSON.parse(stdout)]).toEqual([0, { removed: 0, left: 0 }]);
  });

  it('removes what is left, provider by provider, and exits with 4 as long as something stays', async () => {
    const cwd = newFolder();
    writeFileSync(join(cwd, 'dns.mjs'), PLUGIN);
    mkdirSync(join(cwd, '.quoin/journal'), { recursive: true });
    const entry = (provider: string, name: string) => {
      const content = { identifier: name, fqdn: `_acme-challenge.${name}`, value: 'v', since: '2026-11-24T00:00:00Z' };
      return { provider, ...content };
    };
    const entries = [entry('./dns.mjs', 'a.example'), entry('cloudflare', 'b.example')];
    writeFileSync(join(cwd, '.quoin/journal/1.json'), JSON.stringify({ version: 1, entries }));
    const first = await quoin(['cleanup', '--json'], { cwd, env: { REMOVED: join(cwd, 'removed') } });
    expect([first.code, JSON.parse(first.stdout)]).toEqual([4, { removed: 1, left: 1 }]);
    expect(first.stderr).toContain('CLOUDFLARE_DNS_API_TOKEN');
    expect(readFileSync(join(cwd, 'removed'), 'utf8')).toBe('_acme-challenge.a.example v\n');
    const second = await quoin(['cleanup', '--json'], { cwd });
    expect([second.code, JSON.parse(second.stdout)]).toEqual([4, { removed: 0, left: 1 }]);
  });
});
