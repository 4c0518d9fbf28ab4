import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfigFile } from '../../../src/cli/config-file/read.ts';
import { newFolder } from '../../helpers/child.ts';

let folder: string;
beforeEach(() => {
  folder = newFolder();
});
const read = (text: string, name = 'quoin.yaml') => {
  writeFileSync(join(folder, name), text, { mode: 0o600 });
  return readConfigFile(name, folder);
};
/** `12:5 what is wrong`, in the order of the file. */
const problems = async (text: string): Promise<string[]> => {
  const error = await read(text).then(
    () => undefined,
    (caught) => caught,
  );
  if (error && error.code !== 'CONFIG') throw error;
  return (error?.facts.problems ?? []).map(
    ({ line, column, message }: { line: number; column: number; message: string }) => `${line}:${column} ${message}`,
  );
};
const certificate = async (text: string) => (await read(text)).certificates[0]!;
const lines = (...all: string[]) => all.join('\n');

describe('a file that is not right', () => {
  it('tells everything that is wrong at once, each with line and column', async () => {
    const text = lines(
      'accounts:',
      '  main: { server: letsencrypt-stagin, acceptTos: yes, eab: { kid: 007, hmac: abcdefghijklmnop } }',
      'providers:',
      '  cf: { code: clouflare }',
      '  two:',
      '    code: cloudflare',
      '    env: { CF_DNS_API_TOKN: env:X, CF_API_KEY: secret, CF_DNS_API_TOKEN: exec:pass "a }',
      'defaults: { keytype: ec256 }',
      'certificates:',
      '  example.com: { dns: cf }',
      '  b:',
      '    domains: [b.example.com, a b]',
      '    dns: { example.com: tow }',
      '    account: man',
      '    files: { mode: 0999, pfx: { password: x } }',
      '    renewDays: 0',
    );
    expect(await problems(text)).toEqual([
      '2:19 there is no CA letsencrypt-stagin; did you mean letsencrypt-staging?',
      '2:50 must be true or false',
      expect.stringMatching(/^2:78 must be env:NAME, file:PATH or exec:COMMAND/u),
      '4:15 unknown DNS provider clouflare; did you mean cloudflare?',
      '7:12 cloudflare has no variable CF_DNS_API_TOKN; did you mean CF_DNS_API_TOKEN?',
      expect.stringMatching(/^7:48 is a secret/u),
      '7:74 exec: has a " that is not closed',
      '8:13 unknown key keytype; did you mean keyType?',
      expect.stringMatching(/^12:30 a b is not a domain name/u),
      '13:25 unknown DNS provider tow; did you mean two?',
      '14:14 there is no account man; did you mean main?',
      '15:20 must be a mode such as 640',
      expect.stringMatching(/^15:43 must be env:NAME/u),
      '16:16 must be a whole number from 1 to 3650',
    ]);
    await expect(read(text)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/^quoin.yaml has 14 problems\nquoin.yaml:2:19: there is no CA/u),
    });
  });

  it.each([
    ['a secret that looks like an alias', 'certificates: { a.example: { dns: *hunter2 } }', '1:35'],
    ['a secret in what cannot be read', 'certificates: { a.example: "x" hunter2 }', '1:32'],
    ['a secret under a tag', 'certificates: { a.example: !hunter2 x }', '1:28'],
  ])('does not show %s', async (_, text, at) => {
    const told = await problems(text);
    expect(told.join()).toContain(at);
    expect(told.join()).not.toContain('hunter2');
  });

  it.each([
    ['nothing', '', '1:1 certificates is missing'],
    ['a list', '- a', '1:1 must be a map with keys such as store'],
    ['a key twice', lines('certificates:', '  a.example:', '  a.example:'), '3:3 a.example stands here a second time'],
    ['two documents', lines('certificates: {}', '---', 'a: b'), '2:1 source contains multiple documents'],
    ['an unknown tag', 'certificates: !evil {}', '1:15 unresolved tag'],
    ['a key that is no text', 'certificates: { [a, b]: {} }', '1:17 a key must be a text'],
    ['an alias of nothing', 'certificates: *a', '1:15 there is no such anchor'],
    ['an alias inside of itself', 'certificates: &a { b: *a }', '1:23 this alias stands inside of what it names'],
    ['no provider', 'certificates: { a.example: }', '1:17 dns is missing'],
    ['no names', 'certificates: [ { dns: exec } ]', '1:17 domains are missing'],
    [
      'names that are one file where case makes no difference',
      'certificates: { Shop: { domains: a.example, dns: exec }, shop: { domains: b.example, dns: exec } }',
      '1:58 shop would share its files with Shop',
    ],
    ['a name that leads elsewhere', 'certificates: { ../x: { domains: a.example, dns: exec } }', '1:17 ../x cannot be'],
    [
      'names that are one file',
      lines('certificates:', '  _.a.example: { domains: b.example, dns: exec }', "  '*.A.example': { dns: exec }"),
      '3:3 *.a.example would share its files with _.a.example (quoin.yaml:2:3)',
    ],
    [
      'a wildcard over a name',
      "certificates: { x: { domains: [a.b.example, '*.b.example'], dns: exec } }",
      '1:32 a.b.example is covered',
    ],
    [
      'two accounts, none chosen',
      lines('accounts: { a: {}, b: {} }', 'certificates: { a.example: { dns: exec } }'),
      '2:17 account is missing; there are a, b',
    ],
    [
      'two providers for the same',
      'certificates: { a.example: { dns: { b.example: exec, B.example: manual } } }',
      '1:37 two DNS providers are meant for b.example',
    ],
    ['a request that is not there', 'certificates: { x: { csr: nope.csr, dns: exec } }', '1:27 '],
    [
      'a request beside domains',
      'certificates: { x: { csr: nope.csr, domains: a.example, dns: exec } }',
      '1:27 the names are those in the request',
    ],
    ['a resolver that is none', 'certificates: { a.example: { dns: exec, resolvers: [tls:/x] } }', '1:53 '],
    [
      'an account that leads elsewhere',
      lines('accounts: { a: { id: ../x } }', 'certificates: {}'),
      '1:22 ../x cannot be',
    ],
  ])('refuses %s', async (_, text, told) => {
    expect((await problems(text)).join('\n')).toContain(told);
  });

  it('is refused when aliases unfold it to gigabytes', async () => {
    const names = Array.from({ length: 900 }, (_, i) => `n${i}.example`).join(', ');
    const all = Array.from({ length: 9000 }, (_, i) => `  c${i}: { domains: *d, dns: exec }`);
    const text = lines(
      'defaults: { dns: exec }',
      `certificates:`,
      `  a: { domains: &d [${names}], dns: exec }`,
      ...all,
    );
    const began = performance.now();
    await expect(read(text)).rejects.toThrow('unfolds to too much');
    expect(performance.now() - began).toBeLessThan(8_000);
  });

  it('is not read when it is enormous, or not there', async () => {
    await expect(read(`# ${'x'.repeat(8 * 1024 * 1024)}`)).rejects.toThrow('larger than 8 MiB');
    await expect(readConfigFile('no.yaml', folder)).rejects.toThrow(
      'cannot read the configuration file no.yaml: ENOENT',
    );
    await expect(readConfigFile(undefined, newFolder())).rejects.toMatchObject({
      message: expect.stringContaining('there is no configuration file'),
      hint: expect.stringContaining('quoin.yaml'),
    });
  });
});

describe('defaults', () => {
  const text = lines(
    'defaults:',
    '  dns: { default: exec, example.net: manual }',
    '  keyType: ec384',
    '  resolvers: [9.9.9.9, 1.1.1.1]',
    '  hooks: { pre: one, deploy: two, env: [A, B] }',
    '  files: { pem: true, pfx: { format: DES, password: env:X } }',
    'certificates:',
    '  a.example:',
  );

  it('are what a certificate gets that says nothing', async () => {
    expect(await certificate(text)).toMatchObject({
      name: 'a.example',
      domains: ['a.example'],
      keyType: 'ec384',
      resolvers: ['9.9.9.9', '1.1.1.1'],
      hooks: { pre: 'one', deploy: 'two' },
      hookEnv: ['A', 'B'],
      files: { pem: true, pfx: 'DES' },
      dns: [
        { domain: undefined, provider: { spec: 'exec' } },
        { domain: 'example.net', provider: { spec: 'manual' } },
      ],
    });
  });

  it('are merged key by key at any depth, lists are replaced, and null takes one away', async () => {
    const own = lines(
      '    dns: { example.net: ~, example.org: manual }',
      '    keyType: ~',
      '    resolvers: [8.8.8.8]',
      '    hooks: { pre: ~, post: [three, x y] }',
      '    files: { pfx: { format: RC2 } }',
    );
    expect(await certificate(`${text}\n${own}`)).toMatchObject({
      keyType: 'ec256',
      resolvers: ['8.8.8.8'],
      hooks: { pre: undefined, deploy: 'two', post: ['three', 'x y'] },
      files: { pem: true, pfx: 'RC2' },
      dns: [{ domain: undefined }, { domain: 'example.org' }],
    });
  });

  it('that are wrong are told where they stand, and once', async () => {
    const wrong = text.replace('keyType: ec384', 'keyType: ec385').replace('deploy: two', 'deploi: two');
    expect(await problems(`${wrong}\n  b.example:\n  c.example:`)).toEqual([
      expect.stringMatching(/^3:12 must be one of .*did you mean ec384\?$/u),
      '5:22 unknown key deploi; did you mean deploy?',
    ]);
  });

  it('are not for what belongs to one certificate', async () => {
    expect(await problems(lines('defaults: { dns: exec, csr: x }', 'certificates: {}'))).toEqual([
      expect.stringContaining('1:24 unknown key csr'),
    ]);
  });
});

describe('a certificate', () => {
  const named = async (entries: string) =>
    (await read(`defaults: { dns: exec }\ncertificates:\n${entries}`)).certificates.map(({ name }) => name);

  it('is called by its key, or in a list by its name or its first domain', async () => {
    expect(await named('  Shop: { domains: a.example }\n  "*.B.example":\n  bücher.example:')).toEqual([
      ...['Shop', '*.b.example', 'xn--bcher-kva.example'],
    ]);
    expect(await named('  - domains: [C.example, d.example]\n  - { name: mail, domains: e.example }')).toEqual([
      ...['c.example', 'mail'],
    ]);
  });

  it('can be made of anchors, aliases and merge keys', async () => {
    const text = lines(
      'certificates:',
      '  a.example: &a { dns: exec, keyType: rsa2048, hooks: &h { deploy: x } }',
      '  b.example: { <<: *a, keyType: ec384 }',
      '  c.example: { dns: exec, hooks: *h }',
    );
    expect((await read(text)).certificates).toMatchObject([
      { keyType: 'rsa2048' },
      { domains: ['b.example'], keyType: 'ec384', hooks: { deploy: 'x' } },
      { keyType: 'ec256', hooks: { deploy: 'x' } },
    ]);
  });

  it('sees relative paths from the file', async () => {
    const text = lines(
      'store: ../store',
      'accounts: { a: { caCertificates: roots.pem } }',
      'providers: { e: { code: exec, env: { EXEC_PATH_FILE: sub/path } } }',
      'certificates: { a.example: { dns: e, privateKey: ./own.key, hooks: { deploy: [./reload.sh, ./x], pre: ./p } } }',
    );
    const { store, certificates } = await read(text);
    expect(store).toBe(join(folder, '../store'));
    expect(certificates[0]).toMatchObject({
      privateKeyFile: join(folder, 'own.key'),
      account: { caCertificates: [join(folder, 'roots.pem')] },
      hooks: { deploy: [join(folder, 'reload.sh'), './x'], pre: './p' },
    });
    expect(certificates[0]!.dns[0]!.provider.env!.get('EXEC_PATH_FILE')!.reference).toEqual({
      ...{ kind: 'plain', value: join(folder, 'sub/path') },
    });
  });

  it('has the mode that is written, whatever number YAML takes it for', async () => {
    for (const written of ['0640', '0o640', '640', '"640"'])
      expect(
        (await certificate(`certificates: { a.example: { dns: exec, files: { mode: ${written} } } }`)).files,
      ).toMatchObject({
        mode: '640',
      });
  });
});

describe('providers', () => {
  it('with variables of their own are kept apart by a prefix that their names make', async () => {
    const text = lines(
      'providers:',
      '  my-org: { code: cloudflare, env: { CF_DNS_API_TOKEN: env:A } }',
      '  my.org: { code: cloudflare, env: { CF_DNS_API_TOKEN: env:B } }',
      '  2nd: { code: cloudflare, env: { CLOUDFLARE_DNS_API_TOKEN: "plain:x y" } }',
      '  bare: { code: linode }',
      'certificates:',
      '  a: { domains: x.example, dns: { a.example: my-org, b.example: my.org, c.example: 2nd, d.example: bare, default: route53@NET } }',
    );
    const { dns } = await certificate(text);
    expect(dns.map(({ provider }) => provider.spec)).toEqual([
      ...['cloudflare@MY_ORG', 'cloudflare@MY_ORG_2', 'cloudflare@P2ND', 'linode', 'route53@NET'],
    ]);
  });

  it('of the user are found from the file', async () => {
    writeFileSync(join(folder, 'my-dns.mjs'), 'export default {};');
    expect(await problems('certificates: { a.example: { dns: ./my-dns.mjs } }')).toEqual([
      expect.stringMatching(/^1:35 .\/my-dns.mjs does not export a DNS provider/u),
    ]);
  });

  it('are named by secrets in clear only when they are marked, with a warning where others can read them', async () => {
    const text = (token: string) =>
      `providers: { cf: { code: cloudflare, env: { CF_DNS_API_TOKEN: ${token}, CF_TTL: 300 } } }\ncertificates: { a.example: { dns: cf } }`;
    expect(await problems(text('s3cr3t'))).toEqual([expect.stringMatching(/^1:63 is a secret: .*plain:SECRET$/u)]);
    expect((await problems(text('s3cr3t'))).join()).not.toContain('s3cr3t');
    expect((await read(text('plain:s3cr3t'))).warnings).toEqual([]);
    chmodSync(join(folder, 'quoin.yaml'), 0o644);
    expect((await readConfigFile('quoin.yaml', folder)).warnings).toEqual([
      expect.stringContaining('holds secrets and can be read by other users'),
    ]);
    writeFileSync(join(folder, 'quoin.yaml'), text('env:TOKEN'));
    const { warnings, secretVariables } = await readConfigFile('quoin.yaml', folder);
    expect([warnings, [...secretVariables]]).toEqual([[], ['TOKEN']]);
  });
});

it('reads a pipe, and sees paths from the working directory then', async () => {
  const pipe = join(newFolder(), 'pipe');
  execFileSync('mkfifo', [pipe]);
  const writer = spawn('sh', [
    '-c',
    'printf "%b" "$1" > "$0"',
    pipe,
    'store: x\\ncertificates: { a.example: { dns: exec } }',
  ]);
  const { store } = await readConfigFile(pipe, folder);
  expect(store).toBe(join(folder, 'x'));
  writer.kill();
});

it('reads the file of the guide', async () => {
  const [, example = ''] = /```yaml\n(.*?)```/su.exec(readFileSync('docs/guides/configuration-file.md', 'utf8')) ?? [];
  const { certificates } = await read(example);
  expect(certificates.map(({ name }) => name)).toEqual(['example.com', 'example.net', 'mail']);
  expect(certificates[2]).toMatchObject({
    keyType: 'rsa2048',
    dns: [{ domain: 'example.org', provider: { spec: 'rfc2136@DNS2' } }, { provider: { spec: 'cloudflare@CF' } }],
  });
});
