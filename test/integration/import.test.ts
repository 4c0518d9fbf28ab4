/** Stores that other clients made are taken over, and renewed with their own accounts. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { acmeShAccount, acmeShDomain, asLego5, plant, shellConf, treeHash, wrapped } from '../helpers/import-trees.ts';
import { ownPlaces, type SandboxProcess, startSandboxProcess } from '../helpers/sandbox.ts';
import { describeWith, pairMatches, quoin } from '../helpers/servers.ts';

const NAME = 'example.test';
const NAMES = ['-d', NAME, '-d', `*.${NAME}`];

let sandbox: SandboxProcess;
let folder: string;
let store: string;
beforeEach(async () => {
  folder = newFolder();
  store = join(folder, 'store');
  // With a state its root certificate outlives it.
  sandbox = await startSandboxProcess(['--state', join(folder, 'state')], ownPlaces());
});

/** In the test's folder, with all that the sandbox says of itself, less agreement to any terms: nothing may be registered. */
const run = (...argv: string[]) => quoin(argv, { ...sandbox.environment, QUOIN_ACCEPT_TOS: 'false' }, folder).finished;
/** Another client, in the same place. */
function client(script: string, more: Readonly<Record<string, string>> = {}): void {
  const env = { PATH: process.env.PATH, HOME: folder, ...sandbox.environment, ...more };
  execFileSync('bash', ['-euc', script], { cwd: folder, env, stdio: 'pipe' });
}
/** Imports, and makes sure that the source stays as it is. */
async function imported(source: string, ...argv: string[]) {
  const before = treeHash(join(folder, source));
  const ended = await run('import', source, '--path', store, '--json', ...argv);
  expect(treeHash(join(folder, source))).toBe(before);
  expect(ended.stderr).toBe('');
  return { code: ended.code, answer: JSON.parse(ended.stdout) };
}
const accountFile = (id: string): string => {
  const [host = ''] = readdirSync(join(store, 'accounts'));
  return readFileSync(join(store, 'accounts', host, id, 'account.json'), 'utf8');
};
/**
 * Renews with the account that was taken over: there is no other one, and none may be registered. `renew` has the record that
 * the import made and credentials, and nothing else that says which CA or provider it is.
 */
async function renewsWith(id: string, url: string, command: 'run' | 'renew' = 'run'): Promise<void> {
  const { QUOIN_SERVER, QUOIN_DNS, QUOIN_CA_CERTIFICATES, LEGO_SERVER, LEGO_CA_CERTIFICATES, ...rest } =
    sandbox.environment;
  const ended = await (command === 'run'
    ? run('run', '--path', store, '-m', id, ...NAMES, '--renew-force', '--json')
    : quoin(['renew', '--path', store, NAME, '--renew-force', '--json'], { ...rest, QUOIN_ACCEPT_TOS: 'false' }, folder)
        .finished);
  expect([ended.code, ended.stderr.includes('registered')]).toEqual([0, false]);
  const answer = JSON.parse(ended.stdout);
  expect(command === 'run' ? answer : answer.certificates[0]).toMatchObject({ action: 'renewed' });
  expect(JSON.parse(accountFile(id)).registration.uri).toBe(url);
  expect(readdirSync(join(store, 'accounts')).flatMap((host) => readdirSync(join(store, 'accounts', host)))).toEqual([
    id,
  ]);
  expect(pairMatches(store, NAME)).toBe(true);
}

describeWith(['lego', 'dig', 'openssl'], "lego's store", () => {
  const LEGO = `lego --path lego --server "$QUOIN_SANDBOX_DIRECTORY" --accept-tos --email ci@example.test \\
    --dns rfc2136 --dns.resolvers "$QUOIN_SANDBOX_DNS" --dns.disable-cp -d ${NAME} -d "*.${NAME}" run`;
  const uriIn = (root: string): string => {
    const [host = ''] = readdirSync(join(folder, root, 'accounts'));
    const file = join(folder, root, 'accounts', host, 'ci@example.test/account.json');
    return JSON.parse(readFileSync(file, 'utf8')).registration.uri;
  };

  it('of version 4 and of version 5 is taken over, renewed with its account, and revoked', async () => {
    client(LEGO);
    const uri = uriIn('lego');
    const rehearsal = await imported('lego', '--dry-run');
    expect([rehearsal.code, existsSync(store)]).toEqual([0, false]);
    const { code, answer } = await imported('lego');
    expect(code).toBe(0);
    expect({ ...answer, dryRun: true }).toEqual(rehearsal.answer);
    expect(answer).toMatchObject({
      format: 'lego',
      accounts: [{ id: 'ci@example.test', server: sandbox.directory, action: 'imported', url: uri }],
      certificates: [
        { name: NAME, names: [NAME, `*.${NAME}`], action: 'imported', account: 'ci@example.test', dns: ['rfc2136'] },
      ],
    });
    client(`lego --path store list | grep '${NAME}, '`);
    await renewsWith('ci@example.test', uri);
    const again = await run('import', 'lego', '--path', store, '--json');
    expect([again.code, JSON.parse(again.stdout)]).toMatchObject([
      6,
      { accounts: [{ action: 'unchanged' }], certificates: [{ action: 'kept', error: { code: 'CONFIG' } }] },
    ]);

    asLego5(join(folder, 'lego'), sandbox.directory);
    store = join(folder, 'store5');
    const five = await imported('lego');
    expect([five.code, five.answer.accounts[0].url]).toEqual([0, uri]);
    expect(five.answer.certificates[0]).toMatchObject({ action: 'imported', server: sandbox.directory });
    const revoked = await run('revoke', '--path', store, NAME, '--json');
    expect(JSON.parse(revoked.stdout)).toMatchObject({ certificates: [{ name: NAME, action: 'revoked' }] });
  });
});

it("lego's store is used as it is where quoin finds it, and told so", async () => {
  const root = plant(join(folder, '.lego'), { 'certificates/example.test.crt': 'a certificate' });
  const before = treeHash(root);
  const ended = await run('import', '.lego');
  expect([ended.code, ended.stdout]).toEqual([0, expect.stringContaining('is the store that quoin uses, as it is')]);
  const inside = await run('import', '.lego', '--path', '.lego/certificates/store');
  expect([inside.code, inside.stderr]).toEqual([2, expect.stringContaining('inside the folder')]);
  expect(treeHash(root)).toBe(before);
});

describeWith(['certbot', 'nsupdate', 'dig', 'openssl'], "certbot's folder", () => {
  const hook = (action: string) => `#!/bin/bash
nsupdate -y "$RFC2136_TSIG_ALGORITHM:$RFC2136_TSIG_KEY:$RFC2136_TSIG_SECRET" <<END
server \${QUOIN_SANDBOX_DNS%:*} \${QUOIN_SANDBOX_DNS#*:}
update ${action} _acme-challenge.$CERTBOT_DOMAIN 60 TXT "$CERTBOT_VALIDATION"
send
END
`;

  it('is taken over with its RSA account, renewed and revoked with it', async () => {
    for (const action of ['add', 'delete']) {
      writeFileSync(join(folder, action), hook(action));
      chmodSync(join(folder, action), 0o755);
    }
    client(
      `certbot certonly --config-dir config --work-dir work --logs-dir logs --non-interactive \\
        --server "$QUOIN_SANDBOX_DIRECTORY" --agree-tos -m ops@example.test --no-eff-email \\
        --manual --preferred-challenges dns --manual-auth-hook ./add --manual-cleanup-hook ./delete \\
        --deploy-hook 'touch deployed' --reuse-key -d ${NAME} -d '*.${NAME}'`,
      { REQUESTS_CA_BUNDLE: sandbox.root },
    );
    const { code, answer } = await imported('config', '-m', 'ops@example.test');
    expect([code, answer.format]).toEqual([0, 'certbot']);
    const [{ url }] = answer.accounts;
    expect(answer.certificates).toMatchObject([
      {
        ...{ name: NAME, action: 'imported', server: sandbox.directory, account: 'ops@example.test', dns: ['rfc2136'] },
        ...{ hooks: { deploy: 'touch deployed' }, hooksTaken: false },
      },
    ]);
    const listed = await run('list', '--path', store, '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject({ certificates: [{ name: NAME }], problems: [] });
    await renewsWith('ops@example.test', url, 'renew');
    expect(existsSync(join(folder, 'deployed'))).toBe(true); // By certbot.
    const revoked = await run('revoke', '--path', store, NAME, '--json');
    expect(JSON.parse(revoked.stdout)).toMatchObject({ certificates: [{ action: 'revoked' }] });
  });
});

describe("acme.sh's folder", () => {
  /** Made of what quoin got: acme.sh itself is not to be had here. */
  async function obtainAs(id: string) {
    const made = join(folder, 'made');
    const argv = ['run', '--path', made, '-m', id, ...NAMES];
    expect(await quoin(argv, sandbox.environment, folder).finished).toMatchObject({ code: 0 });
    const [host = ''] = readdirSync(join(made, 'accounts'));
    const read = (...path: string[]) => readFileSync(join(made, ...path), 'utf8');
    const { registration } = JSON.parse(read('accounts', host, id, 'account.json'));
    return {
      accountKeyPem: read('accounts', host, id, `${id}.key`),
      url: registration.uri as string,
      issuerPem: read('certificates', `${NAME}.issuer.crt`),
      certificatePem: (/-----BEGIN[\s\S]+?END CERTIFICATE-----\n/u.exec(read('certificates', `${NAME}.crt`)) ?? [
        '',
      ])[0],
      keyPem: read('certificates', `${NAME}.key`),
    };
  }

  it('is taken over and renewed with its account; one damaged certificate does not stop the others', async () => {
    const made = await obtainAs('ops@example.test');
    const secret = 'c2VjcmV0LXRva2Vu';
    const conf = { Le_API: sandbox.directory, Le_Alt: `*.${NAME}`, Le_Webroot: 'dns_nsupdate', Le_Keylength: 'ec-256' };
    plant(join(folder, 'acme'), {
      'account.conf': shellConf({
        SAVED_NSUPDATE_SERVER: '127.0.0.1',
        SAVED_NSUPDATE_KEY: '/etc/k',
        SAVED_CF_Token: secret,
      }),
      ...acmeShAccount('127.0.0.1/directory', made.accountKeyPem, made.url, 'ops@example.test'),
      ...acmeShDomain(`${NAME}_ecc`, NAME, made, { ...conf, Le_ReloadCmd: wrapped("echo 'reload'") }),
      ...acmeShDomain('cut.example.test', 'cut.example.test', { ...made, certificatePem: 'cut' }, conf),
    });
    const before = treeHash(join(folder, 'acme'));
    const ended = await run('import', 'acme', '--path', store);
    expect(treeHash(join(folder, 'acme'))).toBe(before);
    expect([ended.code, ended.stderr]).toEqual([
      6,
      expect.stringMatching(/not imported: .*cut\.example\.test.*is damaged/u),
    ]);
    expect(ended.stdout).toContain(`${NAME}: imported`);
    expect(ended.stdout).toContain("deploy hook  echo 'reload' (not taken over)");
    expect(ended.stdout).toContain('set RFC2136_TSIG_FILE to what is NSUPDATE_KEY there');
    expect(ended.stdout + ended.stderr).not.toContain(secret);
    const shown = await run('show', '--path', store, NAME, '--json');
    expect(JSON.parse(shown.stdout).certificate).toMatchObject({
      server: sandbox.directory,
      account: 'ops@example.test',
    });
    await renewsWith('ops@example.test', made.url, 'renew');
  });

  it('is not found where there is none', async () => {
    mkdirSync(join(folder, 'empty'));
    for (const [source, said] of [
      ['empty', 'holds no store of lego, certbot or acme.sh'],
      ['missing', 'there is no folder'],
    ] as const) {
      const ended = await run('import', source, '--path', store, '--json');
      expect([ended.code, JSON.parse(ended.stdout).error.message]).toEqual([2, expect.stringContaining(said)]);
    }
    const forced = await run('import', 'empty', '--from', 'acme.sh', '--path', store);
    expect([forced.code, forced.stdout]).toEqual([0, expect.stringContaining('there is nothing to import')]);
  });
});
