import { X509Certificate } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, type SandboxProcess, startSandboxProcess } from '../helpers/sandbox.ts';
import { type Finished, quoin } from '../helpers/servers.ts';

let folder: string;
let sandbox: SandboxProcess;
beforeEach(async () => {
  folder = newFolder();
  sandbox = await startSandboxProcess([], ownPlaces());
});

/** What a machine has: how to reach the laboratory, and the secret under a name of its own; no credentials of a provider. */
const machine = (): Record<string, string> => {
  const { RFC2136_TSIG_SECRET: secret = '', ...rest } = sandbox.environment;
  const kept = Object.entries(rest).filter(
    ([name]) => !/^(?:RFC2136_TSIG|QUOIN_(?:SERVER|DNS|ACCEPT_TOS|EAB\w*)$)/u.test(name),
  );
  return { ...Object.fromEntries(kept), ORG_SECRET: secret };
};
const write = (text: string, name = 'quoin.yaml') => writeFileSync(join(folder, name), text, { mode: 0o600 });
const apply = (argv: readonly string[] = [], env: Record<string, string> = {}, cwd = folder) =>
  quoin(['apply', '--json', ...argv], { ...machine(), ...env }, cwd).finished;
const answer = ({ stdout }: Finished) => JSON.parse(stdout);
const at = (...parts: string[]) => join(folder, 'store', ...parts);
const text = (...parts: string[]) => readFileSync(at(...parts), 'utf8');
const namesOf = (name: string) => new X509Certificate(text('certificates', `${name}.crt`)).subjectAltName;
/** What there is in the store, byte by byte. */
const state = (below = '') =>
  Object.fromEntries(
    existsSync(at())
      ? readdirSync(at(), { recursive: true, encoding: 'utf8' })
          .filter((file) => file.startsWith(below) && statSync(at(file)).isFile())
          .map((file) => [file, readFileSync(at(file), 'utf8')])
      : [],
  );

const head = () => `store: store
accounts:
  main: { server: '${sandbox.directory}', email: admin@example.com, acceptTos: true }
providers:
  org:
    code: rfc2136
    env: { RFC2136_TSIG_KEY: quoin-sandbox, RFC2136_TSIG_ALGORITHM: hmac-sha256, RFC2136_TSIG_SECRET: 'env:ORG_SECRET' }
defaults: { dns: org }
certificates:
`;

describe('quoin apply', () => {
  it('obtains what the file names, side by side, each as it says, and then has nothing to do', async () => {
    write(`${head()}
  a.example.test:
  shop:
    domains: [shop.example.test, '*.shop.example.test']
    keyType: ec384
    files: { pem: true, mode: 0640 }
  last: { domains: last.example.test, dns: { default: org }, bundle: false, hooks: { deploy: [./deployed.sh, a b] } }
`);
    writeFileSync(
      join(folder, 'deployed.sh'),
      '#!/bin/sh\nprintf "%s|" "$1" "$PWD" "$QUOIN_CERTIFICATE" > deployed; env >> deployed\n',
      { mode: 0o755 },
    );
    // From elsewhere: what is relative is seen from the file.
    const first = await apply([join(folder, 'quoin.yaml')], {}, newFolder());
    expect([first.code, answer(first).summary]).toEqual([0, expect.objectContaining({ issued: 3, failed: 0 })]);
    expect(namesOf('shop')).toBe('DNS:shop.example.test, DNS:*.shop.example.test');
    expect(statSync(at('certificates/shop.pem')).mode & 0o777).toBe(0o640);
    expect(JSON.parse(text('certificates/shop.json')).quoin).toMatchObject({ keyType: 'ec384', dns: ['rfc2136@ORG'] });
    expect(JSON.parse(text('certificates/last.json')).quoin).toMatchObject({ bundle: false });
    expect(readdirSync(at('accounts'), { recursive: true })).toContainEqual(
      expect.stringMatching(/admin@example.com\/account.json$/u),
    );
    const deployed = readFileSync(join(folder, 'deployed'), 'utf8');
    expect(deployed).toMatch(new RegExp(`^a b\\|${folder}\\|last\\|`, 'u'));
    // Neither under the provider's name nor under the one that the file reads it from, and in no output.
    for (const said of [deployed, first.stdout, first.stderr])
      expect(said).not.toContain(sandbox.environment.RFC2136_TSIG_SECRET);
    const before = state('certificates');
    const second = await apply([], { ORG_SECRET: '' });
    expect([second.code, answer(second).summary]).toEqual([0, expect.objectContaining({ unchanged: 3, failed: 0 })]);
    expect(state('certificates')).toEqual(before);
    expect(sandbox.txt('_acme-challenge.shop.example.test')).toEqual([]);
  });

  it('renews what the file changes, and leaves what it no longer names', async () => {
    write(`${head()}  old: { domains: a.example.test }\n  b: { domains: b.example.test }\n  c.example.test:\n`);
    expect((await apply()).code).toBe(0);
    const [old, b] = [text('certificates/old.crt'), text('certificates/b.crt')];
    // Renamed, given another name, and given another hook.
    write(
      `${head()}  new: { domains: a.example.test }\n  b: { domains: [b.example.test, x.example.test] }\n  c.example.test: { hooks: { deploy: x } }\n`,
    );
    const before = state();
    const plan = await apply(['--plan'], { ORG_SECRET: '' });
    expect([plan.code, answer(plan)]).toMatchObject([
      0,
      {
        certificates: [
          { name: 'new', action: 'issue', why: 'there is none yet' },
          { name: 'b', action: 'renew', why: 'the names changed', settings: { dns: ['rfc2136@ORG'] } },
          { name: 'c.example.test', action: 'none', later: ['hooks'], at: expect.stringMatching(/^20/u) },
        ],
        unlisted: ['old'],
      },
    ]);
    expect(state()).toEqual(before);
    const done = await apply();
    expect([done.code, answer(done)]).toMatchObject([
      0,
      {
        certificates: [
          { name: 'b', action: 'renewed' },
          { name: 'c.example.test', action: 'unchanged' },
          { name: 'new', action: 'issued' },
        ],
        unlisted: ['old'],
      },
    ]);
    expect(text('certificates/old.crt')).toBe(old);
    expect(text('certificates/b.crt')).not.toBe(b);
    expect(namesOf('b')).toBe('DNS:b.example.test, DNS:x.example.test');
  });

  it('goes on when one certificate fails, and tells by its exit code', async () => {
    write(`${head().replace('providers:', 'providers:\n  other: { code: rfc2136, env: { RFC2136_TSIG_KEY: k, RFC2136_TSIG_SECRET: "exec:./no-such-program" } }')}
  a.example.test: { dns: other }
  b.example.org:
  c.example.test:
`);
    const { code, stdout, stderr } = await apply();
    const { certificates, summary } = JSON.parse(stdout);
    expect([code, summary]).toMatchObject([2, { issued: 1, failed: 2 }]);
    expect(certificates).toMatchObject([
      {
        ...{ name: 'a.example.test', action: 'failed' },
        error: {
          code: 'CONFIG',
          message: expect.stringMatching(/^quoin.yaml:5:\d+: .\/no-such-program cannot be run/u),
        },
      },
      { name: 'b.example.org', action: 'failed' },
      { name: 'c.example.test', action: 'issued' },
    ]);
    expect(stderr).toContain('WARNING a.example.test: quoin.yaml:5:');
  });

  it('asks a CA that will not have the account once, whatever the number of certificates', async () => {
    const hmac = Buffer.alloc(32, 5).toString('base64url');
    sandbox = await startSandboxProcess(['--eab', `kid-1:${hmac}`], ownPlaces());
    const names = Array.from({ length: 6 }, (_, i) => `  n${i}.example.test:\n`).join('');
    const file = head().replace('acceptTos: true', "acceptTos: true, eab: { kid: kid-1, hmac: 'env:HMAC' }") + names;
    write(file);
    const refused = await apply(['--debug'], { HMAC: 'A'.repeat(43) });
    expect([refused.code, answer(refused).summary]).toMatchObject([3, { failed: 6 }]);
    expect(refused.stderr.match(/POST \S+account/giu)).toHaveLength(1);
    const done = await apply([], { HMAC: hmac });
    expect([done.code, answer(done).summary]).toMatchObject([0, { issued: 6 }]);
    // Once there is an account nobody needs the secret that it was made with.
    expect((await apply(['--renew-force'], { HMAC: '' })).code).toBe(0);
  });

  it('wants the terms of service agreed to, in the file or by the flag', async () => {
    write(`${head().replace(', acceptTos: true', '')}  a.example.test:\n`);
    const refused = await apply();
    expect([refused.code, answer(refused).certificates[0].error.message]).toEqual([
      2,
      expect.stringContaining('terms of service'),
    ]);
    expect((await apply(['--accept-tos'])).code).toBe(0);
  });

  it('is refused whole before anything is attempted, from another folder too', async () => {
    write(`${head()}  a.example.test:\n  b.example.test: { keytype: ec256, account: man }\n`);
    const elsewhere = newFolder();
    const { code, stdout } = await apply([join(folder, 'quoin.yaml')], {}, elsewhere);
    expect([code, JSON.parse(stdout).error]).toMatchObject([
      2,
      {
        problems: [
          { line: 11, column: 21, message: 'unknown key keytype; did you mean keyType?' },
          { line: 11, column: 46, message: 'there is no account man; did you mean main?' },
        ],
      },
    ]);
    expect([existsSync(at()), readdirSync(elsewhere)]).toEqual([false, []]);
  });

  it('refuses flags that the file tells, and takes those about the run', async () => {
    write(`${head()}  a.example.test:\n`);
    for (const argv of [
      ['--dns', 'exec'],
      ['-k', 'ec384'],
      ['--days', '3'],
      ['--server', 'letsencrypt'],
      ['--deploy-hook', 'x'],
    ])
      expect(answer(await apply(argv)).error.message).toMatch(/ has no place with quoin apply/u);
    expect((await apply(['--path', 'elsewhere', '--parallel', '1'])).code).toBe(0);
    expect(readdirSync(join(folder, 'elsewhere/certificates'))).toContain('a.example.test.crt');
    expect((await apply(['--path', 'elsewhere', '--renew-force'])).stdout).toContain('"renewed": 1');
  });

  it('takes sandbox for the one that runs, and the account from flags where the file has none', async () => {
    write('certificates: { a.example.test: { dns: sandbox } }');
    const env = { QUOIN_SERVER: 'sandbox', ...sandbox.environment, QUOIN_DNS: '' };
    const { code, stdout } = await quoin(['apply', '--json'], env, folder).finished;
    expect([code, JSON.parse(stdout).summary]).toMatchObject([0, { issued: 1 }]);
    expect(readdirSync(join(folder, '.quoin/accounts'), { recursive: true })).toContainEqual(
      expect.stringMatching(/noemail@example.com\/account.json$/u),
    );
  });

  it("reads lego 5's file, keeps its store, and does what it says", async () => {
    const { RFC2136_TSIG_SECRET: secret } = sandbox.environment;
    writeFileSync(
      join(folder, '.env.mychallenge'),
      `RFC2136_TSIG_KEY=quoin-sandbox\nRFC2136_TSIG_ALGORITHM=hmac-sha256\nRFC2136_TSIG_SECRET="${secret}"\n`,
      { mode: 0o600 },
    );
    writeFileSync(join(folder, 'hook.sh'), '#!/bin/sh\necho "$1 $LEGO_HOOK_CERT_NAME" > hooked\n', { mode: 0o755 });
    write(
      `challenges:
  mychallenge: { dns: { provider: rfc2136, envFile: .env.mychallenge } }
certificates:
  dns.example.test:
    domains: [dns.example.test, '*.dns.example.test']
accounts:
  foo: { server: '${sandbox.directory}', acceptsTermsOfService: true }
hooks: { deploy: { command: ./hook.sh one } }
`,
      '.lego.yml',
    );
    const plan = await quoin(['apply', '--plan'], machine(), folder).finished;
    expect(plan).toMatchObject({ code: 0, stdout: 'issue dns.example.test: there is none yet\n' });
    const { code, stdout, stderr } = await quoin(['apply'], machine(), folder).finished;
    expect([code, stdout]).toEqual([0, expect.stringContaining('issued dns.example.test')]);
    expect(stderr).not.toContain(secret);
    expect(readdirSync(join(folder, '.lego/certificates')).sort()).toEqual([
      ...['dns.example.test.crt', 'dns.example.test.issuer.crt', 'dns.example.test.json', 'dns.example.test.key'],
    ]);
    expect(readdirSync(join(folder, '.lego/accounts'), { recursive: true })).toContainEqual(
      expect.stringMatching(/foo\/account.json$/u),
    );
    expect(readFileSync(join(folder, 'hooked'), 'utf8')).toBe('one dns.example.test\n');
  });
});
