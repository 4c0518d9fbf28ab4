import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, type SandboxProcess, startSandboxProcess } from '../helpers/sandbox.ts';
import { bindEnv, describeWith, type Finished, quoin, runArgs, startLab } from '../helpers/servers.ts';

const NAME = 'example.test';
let store: string;
beforeEach(() => {
  store = join(newFolder(), 'store');
});
const answer = ({ stdout }: Finished) => JSON.parse(stdout);
const live = () => readdirSync(join(store, 'certificates')).sort();
const archived = () => (existsSync(join(store, 'archives')) ? readdirSync(join(store, 'archives')).length : 0);

describe('quoin revoke with the sandbox', () => {
  let sandbox: SandboxProcess;
  const obtain = (...names: string[]) =>
    quoin(['run', '--path', store, ...names.flatMap((name) => ['-d', name])], sandbox.environment).finished;
  const revoke = (...argv: string[]) =>
    quoin(['revoke', '--path', store, '--json', '--max-wait', '0s', ...argv], sandbox.environment).finished;
  beforeEach(async () => {
    // With a state its root certificate outlives it.
    sandbox = await startSandboxProcess(['--state', join(newFolder(), 'state')], ownPlaces());
    expect((await obtain(NAME)).code).toBe(0);
  });

  it.each([
    ['the account', []],
    ['the key of the certificate', ['--with-certificate-key']],
  ])('revokes by %s, and archives the files', async (_, flags) => {
    const ended = await revoke(NAME, '--reason', 'superseded', ...flags);
    expect([ended.code, answer(ended)]).toMatchObject([0, { certificates: [{ name: NAME, action: 'revoked' }] }]);
    expect(answer(ended).certificates[0].archived).toHaveLength(4);
    expect([live(), archived()]).toEqual([[], 4]);
    expect(await revoke(NAME)).toMatchObject({ code: 2 });
    // The way is free for a new one.
    expect((await obtain(NAME)).stdout).toContain('issued');
  });

  it('revokes by the key of the certificate when the account is gone, and says so', async () => {
    renameSync(join(store, 'accounts'), join(store, 'gone'));
    const ended = await revoke(NAME);
    expect([ended.code, answer(ended).certificates[0].action]).toEqual([0, 'revoked']);
    expect(ended.stderr).toContain("is not in the store: revoking with the certificate's own key");
  });

  it('says what is missing when the key is gone, too', async () => {
    renameSync(join(store, 'accounts'), join(store, 'gone'));
    rmSync(join(store, `certificates/${NAME}.key`));
    const ended = await revoke(NAME);
    expect([ended.code, answer(ended).error.message]).toEqual([2, expect.stringContaining('neither the account')]);
    expect(archived()).toBe(0);
  });

  it('counts a certificate as done that is revoked already', async () => {
    const first = await revoke(NAME, '--keep', '--reason', '1');
    expect(answer(first)).toEqual({ certificates: [{ name: NAME, action: 'revoked' }] });
    expect([live().length, archived()]).toEqual([4, 0]);
    const second = await revoke(NAME);
    expect([second.code, answer(second).certificates[0].action, archived()]).toEqual([0, 'alreadyRevoked', 4]);
  });

  it('tells of reasons that CAs refuse, and revokes nothing then', async () => {
    const ended = await revoke(NAME, '--reason', 'privilegeWithdrawn');
    expect([ended.code, answer(ended).error]).toMatchObject([
      3,
      { code: 'ACME_BAD_REVOCATION_REASON', hint: expect.stringContaining('superseded (4)') },
    ]);
    expect(ended.stderr).toContain('public CAs refuse it');
    expect([live().length, archived()]).toEqual([4, 0]);
  });

  it('goes on after a name that fails, takes lego 4 spelling, and tells by its exit code', async () => {
    await obtain('a.example.test');
    const argv = ['--path', store, '--json', '-d', 'no.example.test', '-d', NAME, 'revoke', 'a.example.test'];
    const ended = await quoin(argv, sandbox.environment).finished;
    expect([ended.code, answer(ended).certificates]).toMatchObject([
      2,
      [
        { name: 'a.example.test', action: 'revoked' },
        { name: 'no.example.test', action: 'failed', error: { code: 'CONFIG' } },
        { name: NAME, action: 'revoked' },
      ],
    ]);
    expect(live()).toEqual([]);
  });

  it('leaves all files when the CA is down', async () => {
    await obtain('a.example.test');
    await sandbox.stop();
    const ended = await revoke(NAME, 'a.example.test');
    expect([ended.code, answer(ended).certificates.map(({ action }: { action: string }) => action)]).toEqual([
      3,
      ['failed', 'failed'],
    ]);
    const one = await revoke(NAME);
    expect([one.code, answer(one).error.code, live().length, archived()]).toEqual([3, 'ACME_UNAVAILABLE', 8, 0]);
  });

  it('says that the files could not be archived, and that the certificate is revoked', async () => {
    writeFileSync(join(store, 'archives'), '');
    const ended = await revoke(NAME);
    expect([ended.code, answer(ended).certificates]).toMatchObject([
      6,
      [{ name: NAME, action: 'revoked', error: { code: 'STORAGE' } }],
    ]);
    expect(live()).toHaveLength(4);
  });
});

describeWith(['pebble', 'named', 'dig', 'openssl'], 'quoin revoke with Pebble', () => {
  it.each([
    ['the account', []],
    ['the key of the certificate', ['--with-certificate-key']],
  ])('revokes by %s, once', async (_, flags) => {
    const lab = await startLab();
    try {
      expect((await quoin(runArgs(lab, store, [NAME]), bindEnv(lab)).finished).code).toBe(0);
      // The CA is the one in the certificate's record, whatever --server says.
      const argv = ['revoke', NAME, '--path', store, '--ca-certificates', lab.caFile, '--json', ...flags];
      const first = await quoin([...argv, '--keep', '--reason', '4'], bindEnv(lab)).finished;
      expect([first.code, answer(first).certificates]).toMatchObject([0, [{ name: NAME, action: 'revoked' }]]);
      const second = await quoin(argv, bindEnv(lab)).finished;
      expect([second.code, answer(second).certificates]).toMatchObject([0, [{ action: 'alreadyRevoked' }]]);
    } finally {
      await lab.stop();
    }
  });
});
