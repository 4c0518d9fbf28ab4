/** Clients that nobody here wrote, as Debian packages them, used as docs/guides/testing-your-automation.md has it. */
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces } from '../helpers/sandbox.ts';
import { countIn, describeWith, type Finished, quoin } from '../helpers/servers.ts';

const NAMES = '-d example.test -d "*.example.test"';

/** `set_txt add|delete NAME VALUE`, at the sandbox that is in the environment. */
const SET_TXT = `set_txt() {
  nsupdate -y "$RFC2136_TSIG_ALGORITHM:$RFC2136_TSIG_KEY:$RFC2136_TSIG_SECRET" <<END
server \${QUOIN_SANDBOX_DNS%:*} \${QUOIN_SANDBOX_DNS#*:}
update $1 $2 60 TXT "$3"
send
END
}
`;
const TXT_LEFT = `dig +short -p "\${QUOIN_SANDBOX_DNS#*:}" "@\${QUOIN_SANDBOX_DNS%:*}" _acme-challenge.example.test TXT >txt-left`;
const verify = (chain: string, leaf: string) =>
  `openssl verify -CAfile "$QUOIN_SANDBOX_ROOT" -untrusted ${chain} ${leaf}
   openssl x509 -noout -ext subjectAltName -in ${leaf}`;

/** Runs a script in a folder of its own inside a sandbox; with `--debug` the CA tells what it issued and revoked. */
async function inSandbox(script: string, files: Readonly<Record<string, string>> = {}, flags: readonly string[] = []) {
  const folder = newFolder();
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), 0o755);
  }
  const text = `${SET_TXT}\n${script}\n${TXT_LEFT}; if [ -s txt-left ]; then echo "left in DNS"; exit 99; fi`;
  const words = ['sandbox', '--debug', ...flags, '--', 'bash', '-euc', text];
  const places = { ...ownPlaces(), HOME: folder, NODE: process.execPath, QUOIN: resolve('bin/quoin.js') };
  const ended = await quoin(words, places, folder).finished;
  return { ...ended, folder };
}

/** Everything that the client said, when it has failed. */
const success = ({ code, stdout, stderr }: Finished) => (code === 0 ? 'done' : `${code}: ${stdout}\n${stderr}`);
const issued = ({ stderr }: Finished) => countIn(stderr, ' issued for ');
const registered = ({ stderr }: Finished) => countIn(stderr, ' registered\n');
const revoked = ({ stderr }: Finished) => countIn(stderr, ' revoked, reason ');

describeWith(['lego', 'dig', 'openssl'], 'lego', () => {
  const lego = `lego --path store --server "$QUOIN_SANDBOX_DIRECTORY" --accept-tos --email ci@example.test \\
    --dns rfc2136 --dns.resolvers "$QUOIN_SANDBOX_DNS" --dns.disable-cp`;
  const certificates = verify('store/certificates/example.test.issuer.crt', 'store/certificates/example.test.crt');

  // lego takes every name that it is told to revoke for a certificate of its own.
  it('obtains, renews and revokes', async () => {
    const ended = await inSandbox(`${lego} ${NAMES} run
      ${certificates}
      ${lego} ${NAMES} renew --days 9999 --no-random-sleep
      ${certificates}
      ${lego} -d example.test revoke --reason 4`);
    expect(success(ended)).toBe('done');
    expect([issued(ended), revoked(ended)]).toEqual([2, 1]);
    expect(ended.stderr).toContain('revoked, reason 4');
    expect(countIn(ended.stdout, 'DNS:*.example.test')).toBe(2);
    expect(existsSync(join(ended.folder, 'store/certificates/example.test.crt'))).toBe(false);
  });

  const renewed = `"$NODE" "$QUOIN" renew --path store --dns rfc2136 --renew-force --deploy-hook 'echo "for $LEGO_CERT_DOMAIN"'
      ${certificates}`;
  const legoReads = `${lego} list
      ${lego} ${NAMES} renew --days 9999 --no-random-sleep
      ${certificates}`;

  it('has its store renewed by quoin with its own account, and reads it afterwards', async () => {
    const ended = await inSandbox(`${lego} ${NAMES} run
      ${renewed}
      ${legoReads}`);
    expect(success(ended)).toBe('done');
    expect([issued(ended), registered(ended)]).toEqual([3, 1]);
    expect(ended.stderr).toContain('deploy hook: for example.test');
    expect(ended.stdout).toContain('Certificate Name: example.test');
  });

  it('5 has its store renewed, too, whose account looks different', async () => {
    const ended = await inSandbox(`${lego} ${NAMES} run
      cd store/accounts/*/*/
      mv keys/*.key . && rmdir keys
      "$NODE" -e '
        const { registration, ...rest } = JSON.parse(fs.readFileSync("account.json"));
        const { body, uri } = registration;
        const account = { ...rest, id: rest.email, keyType: "EC256", server: process.env.QUOIN_SANDBOX_DIRECTORY };
        fs.writeFileSync("account.json", JSON.stringify({ ...account, registration: { ...body, accountURL: uri } }));
      '
      cd "$OLDPWD"
      cp -r store/accounts before
      ${renewed}
      diff -r before store/accounts`);
    expect(success(ended)).toBe('done');
    expect([issued(ended), registered(ended)]).toEqual([2, 1]);
  });

  it('survives nonces that are refused, and slow validation', async () => {
    const ended = await inSandbox(`${lego} ${NAMES} run`, {}, ['--nonce-reject', '20', '--processing', '1s']);
    expect([success(ended), issued(ended)]).toEqual(['done', 1]);
  });

  it('binds its account', async () => {
    const eab = ['--eab', `kid-1:${Buffer.alloc(32, 5).toString('base64url')}`];
    const bound = `--eab --kid "$QUOIN_EAB_KID" --hmac "$QUOIN_EAB_HMAC"`;
    const ended = await inSandbox(`if ${lego} ${NAMES} run; then exit 98; fi; ${lego} ${NAMES} ${bound} run`, {}, eab);
    expect([success(ended), issued(ended)]).toEqual(['done', 1]);
  });
});

describeWith(['certbot', 'nsupdate', 'dig', 'openssl'], 'certbot', () => {
  const hook = (action: string) =>
    `#!/bin/bash\n${SET_TXT}set_txt ${action} "_acme-challenge.$CERTBOT_DOMAIN" "$CERTBOT_VALIDATION"\n`;
  const hooks = { 'auth.sh': hook('add'), 'cleanup.sh': hook('delete') };
  const certbot = 'certbot --config-dir config --work-dir work --logs-dir logs --non-interactive';
  const live = 'config/live/example.test';

  it('obtains, renews and revokes with manual hooks', async () => {
    const ended = await inSandbox(
      `export REQUESTS_CA_BUNDLE="$QUOIN_SANDBOX_ROOT"
      ${certbot} certonly --server "$QUOIN_SANDBOX_DIRECTORY" --agree-tos --register-unsafely-without-email \\
        --manual --preferred-challenges dns --manual-auth-hook ./auth.sh --manual-cleanup-hook ./cleanup.sh ${NAMES}
      ${verify(`${live}/chain.pem`, `${live}/cert.pem`)}
      ${certbot} renew --force-renewal --no-random-sleep-on-renew
      ${verify(`${live}/chain.pem`, `${live}/cert.pem`)}
      ${certbot} revoke --server "$QUOIN_SANDBOX_DIRECTORY" --cert-name example.test --reason superseded`,
      hooks,
    );
    expect(success(ended)).toBe('done');
    expect([issued(ended), revoked(ended)]).toEqual([2, 1]);
    expect(countIn(ended.stdout, 'DNS:*.example.test')).toBe(2);
    expect(existsSync(join(ended.folder, live))).toBe(false);
  });
});

describeWith(['dehydrated', 'nsupdate', 'dig', 'openssl'], 'dehydrated', () => {
  const files = {
    // Read by bash, so that it may look into the environment.
    'dehydrated.conf': `CA="$QUOIN_SANDBOX_DIRECTORY"
CURL_OPTS="--cacert $QUOIN_SANDBOX_ROOT"
CHALLENGETYPE=dns-01
BASEDIR="$PWD"
HOOK="$PWD/hook.sh"
`,
    'hook.sh': `#!/bin/bash
${SET_TXT}case "$1" in
deploy_challenge) set_txt add "_acme-challenge.$2" "$4" ;;
clean_challenge) set_txt delete "_acme-challenge.$2" "$4" ;;
esac
`,
  };
  const dehydrated = 'dehydrated --config "$PWD/dehydrated.conf"';
  const certificates = verify('certs/example.test/chain.pem', 'certs/example.test/cert.pem');

  it('obtains, renews and revokes with a hook', async () => {
    const ended = await inSandbox(
      `${dehydrated} --register --accept-terms
      ${dehydrated} --cron --domain 'example.test *.example.test'
      ${certificates}
      ${dehydrated} --cron --force --domain 'example.test *.example.test'
      ${certificates}
      ${dehydrated} --revoke certs/example.test/cert.pem`,
      files,
    );
    expect(success(ended)).toBe('done');
    expect([issued(ended), revoked(ended)]).toEqual([2, 1]);
    expect(countIn(ended.stdout, 'DNS:*.example.test')).toBe(2);
  });
});
