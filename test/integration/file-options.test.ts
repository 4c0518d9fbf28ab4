import { execFileSync, spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { chmodSync, chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  cert,
  document,
  env,
  folder,
  NO_CA,
  obtain,
  openssl,
  record,
  renew,
  SANDBOX,
  start,
  store,
  stored,
} from '../helpers/own-store.ts';
import { startSandboxProcess } from '../helpers/sandbox.ts';
import { describeWith } from '../helpers/servers.ts';

const program = fileURLToPath(new URL('../../bin/quoin.js', import.meta.url));

describeWith(['openssl', 'dig'], 'accounts, names and files', () => {
  it('--account-id names the account, --cert.name and --filename the certificate', async () => {
    const { directory } = await startSandboxProcess([], env);
    const host = new URL(directory).host.replace(':', '_');
    const { certificate } = await obtain(
      ...['-d', 'a.example.test', '-m', 'me@example.test', '--account-id', 'team', '--cert.name', 'web'],
    );
    expect([certificate.name, existsSync(stored('web.key'))]).toEqual(['web', true]);
    const account = JSON.parse(readFileSync(join(store, 'accounts', host, 'team/account.json'), 'utf8'));
    expect(JSON.stringify(account)).toContain('me@example.test');
    expect((await obtain('-d', 'b.example.test', '--account-id', 'team', '--filename', 'other')).certificate.name).toBe(
      'other',
    );
    expect(await renew(['web', '--renew-force'])).toMatchObject([{ name: 'web', action: 'renewed' }]);
    expect(record('web').accountId).toBe('team');
  });

  it('--pem and --pfx are read by openssl, and stay in step with the certificate', async () => {
    await startSandboxProcess([], env);
    const password = { QUOIN_PFX_PASSWORD: 'correct horse' };
    const flags = ['-d', 'a.example.test', '--pem', '--pfx'];
    const { certificate } = await document(['run', ...SANDBOX, ...flags], password);
    expect(certificate.paths).toMatchObject({ pem: stored('a.example.test.pem'), pfx: stored('a.example.test.pfx') });
    const inPfx = (...args: string[]) =>
      openssl('pkcs12', '-in', stored('a.example.test.pfx'), '-passin', 'pass:correct horse', '-nodes', ...args);
    const check = () => {
      const text = inPfx();
      expect(text.match(/BEGIN CERTIFICATE/gu)).toHaveLength(2);
      for (const content of [text, readFileSync(stored('a.example.test.pem'), 'utf8')]) {
        const key = content.slice(content.indexOf('-----BEGIN PRIVATE KEY'));
        expect(cert('a.example.test').checkPrivateKey(createPrivateKey(key))).toBe(true);
        expect(content).toContain(cert('a.example.test').toString().trim());
      }
      for (const file of ['pem', 'pfx']) expect(statSync(stored(`a.example.test.${file}`)).mode & 0o777).toBe(0o600);
    };
    check();
    const { serialNumber } = cert('a.example.test');
    // Who renews without the password would lock it with another one.
    const forgotten = await start(['renew', '--renew-force', '--json']);
    expect([forgotten.code, JSON.parse(forgotten.stdout).certificates[0].error]).toMatchObject([
      2,
      { hint: expect.stringContaining('QUOIN_PFX_PASSWORD') },
    ]);
    expect([cert('a.example.test').serialNumber, forgotten.stderr.includes('ordering')]).toEqual([serialNumber, false]);
    await renew(['--renew-force'], password);
    expect(cert('a.example.test').serialNumber).not.toBe(serialNumber);
    check();
    await renew(['--renew-force', '--pfx', '--pfx.format', 'des'], password);
    expect(
      openssl('pkcs12', '-in', stored('a.example.test.pfx'), '-passin', 'pass:correct horse', '-info', '-noout'),
    ).toBe('');
    expect(inPfx('-legacy')).toContain('BEGIN PRIVATE KEY');
    expect(record('a.example.test').files).toEqual({ pem: true, pfx: 'DES' });
  });

  it('--pem for a certificate that is not due is said to count for the next one', async () => {
    await startSandboxProcess([], env);
    await obtain('-d', 'a.example.test');
    const asked = await start(['run', ...SANDBOX, '-d', 'a.example.test', '--pem']);
    expect([asked.code, asked.stderr]).toEqual([
      0,
      expect.stringContaining('files changed, from the next certificate'),
    ]);
    expect(existsSync(stored('a.example.test.pem'))).toBe(false);
    const again = await start(['run', ...SANDBOX, '-d', 'a.example.test', '--pem', '--renew-force']);
    expect([again.code, existsSync(stored('a.example.test.pem'))]).toEqual([0, true]);
    expect((await start(['run', ...SANDBOX, '-d', 'a.example.test', '--pem'])).stderr).not.toContain('changed');
  });

  it('--cert.mode lets a group read, and nobody else read keys', async () => {
    await startSandboxProcess([], env);
    await obtain('-d', 'a.example.test', '--pem', '--cert.mode', '644');
    const modes = () =>
      ['crt', 'issuer.crt', 'json', 'key', 'pem'].map((end) => statSync(stored(`a.example.test.${end}`)).mode & 0o777);
    expect(modes()).toEqual([0o644, 0o644, 0o644, 0o640, 0o640]);
    await renew(['--renew-force']);
    expect(modes()).toEqual([0o644, 0o644, 0o644, 0o640, 0o640]);
  });

  it('--cert.owner gives files away as root, and is refused before ordering to others', async () => {
    if (process.getuid?.() !== 0) {
      process.stderr.write('SKIPPED --cert.owner: giving files away needs root\n');
      return;
    }
    await startSandboxProcess([], env);
    await obtain('-d', 'a.example.test', '--cert.owner', 'nobody:nogroup', '--cert.mode', '640');
    const owners = () =>
      ['crt', 'key', 'json'].map((end) => {
        const { uid, gid } = statSync(stored(`a.example.test.${end}`));
        return [uid, gid];
      });
    const [uid, gid] = [Number(execFileSync('id', ['-u', 'nobody'])), Number(execFileSync('id', ['-g', 'nobody']))];
    expect(owners()).toEqual(Array(3).fill([uid, gid]));
    await renew(['--renew-force']);
    expect(owners()).toEqual(Array(3).fill([uid, gid]));
    // Somebody else's process.
    const home = join(folder, 'home');
    execFileSync('mkdir', [home]);
    chmodSync(folder, 0o755);
    chownSync(home, uid, gid);
    const flags = ['run', ...NO_CA, '-d', 'a.example.test', '--path', join(home, 'store'), '--cert.owner', 'root'];
    const child = spawn(process.execPath, [program, ...flags], {
      ...{ uid, gid, cwd: home, stdio: ['ignore', 'ignore', 'pipe'] },
      env: { PATH: process.env.PATH, EXEC_PATH: '/bin/true' },
    });
    let stderr = '';
    child.stderr!.on('data', (chunk) => (stderr += chunk));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, stderr]).toEqual([2, expect.stringContaining('may not give files to them')]);
    expect(existsSync(join(home, 'store'))).toBe(false);
  });
});
