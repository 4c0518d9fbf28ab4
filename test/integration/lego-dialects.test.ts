/** What stands in lego's documentation, typed into a shell in which `lego` is quoin. */
import { execFileSync, spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { keyTypeOf } from '../helpers/lego.ts';
import { ownPlaces, startSandboxProcess } from '../helpers/sandbox.ts';
import { countIn, describeWith } from '../helpers/servers.ts';

interface Line {
  readonly line: string;
  readonly then:
    | ('issued' | 'renewed' | 'unchanged' | 'revoked' | 'listed' | 'told' | 'refused')
    | ('registered' | 'rolled over' | 'recovered');
  /** Of the certificate. */
  readonly name?: string;
  readonly names?: readonly string[];
  readonly keyType?: string;
  /** `false`: there is no key in the store. */
  readonly key?: false;
  readonly ownKey?: true;
  readonly sameKey?: true;
  /** How many certificates the file has. */
  readonly chain?: number;
  readonly files?: readonly string[];
  readonly account?: string;
  /** Default `.lego`. */
  readonly store?: string;
  /** Variables of the hook; paths without the store's. */
  readonly hook?: Readonly<Record<string, string>>;
  readonly reason?: string;
  readonly kept?: true;
  /** It had been revoked before. */
  readonly again?: true;
  /** All of standard output. */
  readonly prints?: string;
  readonly says?: string | readonly string[];
  /** So many days have gone by since the certificate was issued. */
  readonly aged?: number;
  /** Files to write before. */
  readonly put?: Readonly<Record<string, string>>;
}
interface Story {
  readonly title: string;
  readonly eab?: true;
  readonly lines: readonly Line[];
}

const { about: _, ...dialects } = JSON.parse(readFileSync('fixtures/lego/commands.json', 'utf8')) as {
  about: string;
} & Record<string, readonly Story[]>;

const HOOK = `#!/bin/sh\nenv | grep -E '^(LEGO|QUOIN)_' >hook.env\n`;
const [KID, HMAC] = ['kid-1', Buffer.from('a key of thirty-two bytes or more').toString('base64url')];
const read = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

/** A shell in a folder of its own, with `lego` on its PATH, whose variables are the least that lego would need. */
async function shellFor({ eab }: Story) {
  const places = ownPlaces();
  const sandbox = await startSandboxProcess(['--debug', ...(eab ? ['--eab', `${KID}:${HMAC}`] : [])], places);
  let log = '';
  sandbox.running.child.stderr!.on('data', (chunk: Buffer) => {
    log += chunk;
  });
  const folder = newFolder();
  const lego = join(folder, 'bin/lego');
  mkdirSync(join(folder, 'bin'));
  mkdirSync(join(folder, '.lego'));
  writeFileSync(lego, `#!/bin/sh\nexec "${process.execPath}" "${resolve('bin/quoin.js')}" "$@"\n`);
  writeFileSync(join(folder, 'hook.sh'), HOOK);
  for (const file of [lego, join(folder, 'hook.sh')]) chmodSync(file, 0o755);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem');
  const subject = [
    '-subj',
    '/CN=csr.example.test',
    '-addext',
    'subjectAltName=DNS:csr.example.test,DNS:www.csr.example.test',
  ];
  openssl(
    'req',
    '-new',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'csr.key',
    '-out',
    'request.pem',
    ...subject,
  );
  const ofProvider = Object.entries(sandbox.environment).filter(([name]) => name.startsWith('RFC2136_'));
  const { QUOIN_DNS_AUTHORITATIVE_PORT: port = '', QUOIN_DNS_RESOLVERS: resolver = '' } = sandbox.environment;
  const env = {
    ...places,
    ...Object.fromEntries(ofProvider),
    PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
    HOME: folder,
    ...{ LEGO_SERVER: sandbox.directory, LEGO_CA_CERTIFICATES: sandbox.root, LEGO_ACCEPT_TOS: 'true' },
    ...{ QUOIN_DNS_AUTHORITATIVE_PORT: port, QUOIN_DNS_RESOLVERS: resolver, LEGO_NO_RANDOM_SLEEP: 'true' },
    ...{ CA: sandbox.directory, RESOLVER: resolver, KID, HMAC },
  };
  const type = (line: string) =>
    new Promise<{ code: number | null; stdout: string; stderr: string }>((done) => {
      const child = spawn('sh', ['-c', line], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
      let [stdout, stderr] = ['', ''];
      child.stdout.on('data', (chunk) => (stdout += chunk));
      child.stderr.on('data', (chunk) => (stderr += chunk));
      child.once('close', (code) => done({ code, stdout, stderr }));
    });
  return { sandbox, folder, type, saidByCa: (text: string) => countIn(log, text) };
}
type Shell = Awaited<ReturnType<typeof shellFor>>;

async function check(line: Line, { sandbox, folder, type, saidByCa }: Shell): Promise<void> {
  const { then, name = '', account, says = [], hook, store = '.lego' } = line;
  for (const [file, text] of Object.entries(line.put ?? {})) writeFileSync(join(folder, file), text);
  const root = join(folder, store);
  if (line.aged) age(join(root, 'renewals', `${name}.json`), line.aged);
  const file = (extension: string) => join(root, 'certificates', `${name.replaceAll('*', '_')}.${extension}`);
  const look = () => ({
    certificate: read(file('crt')),
    key: read(file('key')),
    account: accountIn(root, account),
    issued: saidByCa(' issued for '),
    registered: saidByCa(' registered\n'),
    revoked: saidByCa(' revoked, reason '),
  });
  const before = look();
  rmSync(join(folder, 'hook.env'), { force: true });
  const ended = await type(line.line);
  const after = look();
  expect([line.line, ended.code, ended.stderr]).toEqual([
    line.line,
    then === 'refused' ? 2 : 0,
    expect.stringContaining(then === 'refused' && typeof says === 'string' ? `error: ${says}` : ''),
  ]);
  if (then === 'listed' || then === 'told') for (const text of says) expect(ended.stdout).toContain(text);
  if (line.prints !== undefined) expect(ended.stdout).toBe(line.prints);

  const isNew = then === 'issued' || then === 'renewed';
  const made = { issued: after.issued - before.issued, revoked: after.revoked - before.revoked };
  expect({ line: line.line, ...made }).toEqual({
    line: line.line,
    issued: isNew ? 1 : 0,
    revoked: then === 'revoked' && !line.again ? Math.max(made.revoked, 1) : 0,
  });
  expect([line.line, before.certificate === undefined]).toEqual([
    line.line,
    !['renewed', 'unchanged', 'revoked'].includes(then),
  ]);

  if (isNew) {
    const leaf = new X509Certificate(after.certificate ?? '');
    expect(after.certificate).not.toBe(before.certificate);
    if (line.names) expect(leaf.subjectAltName).toBe(line.names.map((one) => `DNS:${one}`).join(', '));
    if (line.key === false) expect(after.key).toBeUndefined();
    else expect(leaf.checkPrivateKey(createPrivateKey(after.key ?? ''))).toBe(true);
    if (before.key) expect(after.key === before.key).toBe(line.sameKey === true);
    if (line.ownKey) {
      const own = createPublicKey(read(join(folder, 'key.pem')) ?? '').export({ type: 'spki', format: 'pem' });
      expect(leaf.publicKey.export({ type: 'spki', format: 'pem' })).toBe(own);
    }
    if (line.keyType) expect(keyTypeOf(leaf.publicKey)).toBe(line.keyType);
    if (line.chain) expect(countIn(after.certificate ?? '', 'BEGIN CERTIFICATE')).toBe(line.chain);
    for (const extension of line.files ?? [])
      expect([extension, existsSync(file(extension))]).toEqual([extension, true]);
    if (account) expect(after.account?.url).toContain(sandbox.directory.replace(/\/directory$/u, ''));
  }
  if (then === 'unchanged') expect(after.certificate).toBe(before.certificate);
  if (then === 'revoked') {
    expect([line.line, after.certificate !== undefined]).toEqual([line.line, line.kept === true]);
    if (line.reason) expect(saidByCa(` revoked, reason ${line.reason}`)).toBeGreaterThan(0);
  }
  if (then === 'registered' || then === 'recovered') {
    expect(before.account).toBeUndefined();
    expect([line.line, after.account?.url, after.registered - before.registered]).toEqual([
      line.line,
      expect.stringContaining('https://'),
      then === 'registered' ? 1 : 0,
    ]);
    if (line.keyType) expect(keyTypeOf(createPublicKey(after.account?.key ?? ''))).toBe(line.keyType);
  }
  if (then === 'rolled over') {
    expect(after.account?.url).toBe(before.account?.url);
    expect(after.account?.key).not.toBe(before.account?.key);
  }
  if (hook) {
    const told = Object.fromEntries(hookVariables(folder));
    const wanted = Object.entries(hook).map(([variable, value]) => [
      variable,
      value.startsWith('certificates/') ? join(root, value) : value.replace('$CA', sandbox.directory),
    ]);
    expect(told).toMatchObject(Object.fromEntries(wanted));
  }
}

/** What the hook saw. */
const hookVariables = (folder: string): [string, string][] =>
  (read(join(folder, 'hook.env')) ?? '')
    .split('\n')
    .map((text) => /^(\w+)=(.*)$/u.exec(text))
    .flatMap((found) => (found ? [[found[1] ?? '', found[2] ?? '']] : []));

/** What quoin keeps of a certificate's life, as if it had begun earlier. */
function age(file: string, days: number): void {
  const state = JSON.parse(readFileSync(file, 'utf8'));
  const earlier = (time: string) => new Date(Date.parse(time) - days * 86_400_000).toISOString();
  const { notBefore, notAfter } = state;
  writeFileSync(file, JSON.stringify({ ...state, notBefore: earlier(notBefore), notAfter: earlier(notAfter) }));
}

/** An account of the only CA, as lego has it on disk. */
function accountIn(root: string, id: string | undefined): { readonly url?: string; readonly key?: string } | undefined {
  const [host] = existsSync(join(root, 'accounts')) ? readdirSync(join(root, 'accounts')) : [];
  if (!host || !id) return undefined;
  const folder = join(root, 'accounts', host, id);
  const text = read(join(folder, 'account.json'));
  return text === undefined
    ? undefined
    : { url: JSON.parse(text).registration?.uri, key: read(join(folder, `${id}.key`)) ?? '' };
}

describeWith(['dig', 'openssl'], 'quoin in the place of', () => {
  describe.each(Object.entries(dialects))('%s', (_dialect, stories) => {
    it.each(stories.map((story) => [story.title, story] as const))('%s', async (_title, story) => {
      const shell = await shellFor(story);
      for (const line of story.lines) await check(line, shell);
      expect(shell.sandbox.txt('_acme-challenge.example.test')).toEqual([]);
    });
  });
});

describeWith(['dig', 'openssl', 'lego'], 'a hook of lego 4', () => {
  it('is told by quoin what lego itself tells it', async () => {
    const shell = await shellFor({ title: 'hooks', lines: [] });
    const { folder, type } = shell;
    const real = execFileSync('which', ['lego'], { encoding: 'utf8' }).trim();
    const told = async (program: string, store: string, ...more: string[]) => {
      const ended = await type(
        `${program} --path ${store} --server "$CA" --accept-tos --email you@example.test --pem --pfx --dns rfc2136 \\
          --dns.resolvers "$RESOLVER" --dns.disable-cp --domains "*.example.test" --domains example.test ${more.join(' ')}`,
      );
      expect([program, ended.code, ended.stderr]).toEqual([program, 0, expect.any(String)]);
      const variables = hookVariables(folder).filter(([name]) => /^LEGO_(?:ACCOUNT|CERT|ISSUER)_/u.test(name));
      return Object.fromEntries(
        variables.map(([name, value]) => [
          name,
          name.endsWith('_PATH') ? relative(join(folder, store), resolve(folder, value)) : value,
        ]),
      );
    };
    const byLego = await told(real, 'store-a', 'run', '--run-hook ./hook.sh');
    expect(Object.keys(byLego).length).toBeGreaterThan(3);
    delete byLego.LEGO_CA_CERTIFICATES;
    expect(await told('lego', 'store-b', 'run', '--run-hook ./hook.sh')).toMatchObject(byLego);
    const renewing = ['renew', '--days 89', '--no-random-sleep', '--renew-hook ./hook.sh'];
    const renewedByLego = await told(real, 'store-a', ...renewing);
    expect(renewedByLego).toMatchObject(byLego);
    age(join(folder, 'store-b/renewals/_.example.test.json'), 1);
    expect(await told('lego', 'store-b', ...renewing)).toMatchObject(renewedByLego);
  });
});
