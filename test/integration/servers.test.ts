import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { argsFor, bindEnv, describeWith, type Lab, pairMatches, quoin, runArgs, startLab } from '../helpers/servers.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const programs = ['pebble', 'dig', 'openssl'];
const challenge = '_acme-challenge.example.test';

describeWith([...programs, 'named', 'knotd'], 'a name server that lags behind', () => {
  it('is waited for: the CA is told only when both servers show the value', async () => {
    const lab = await startLab({ secondary: true });
    const store = mkdtempSync(join(tmpdir(), 'quoin-store-'));
    try {
      const running = quoin(runArgs(lab, store, ['example.test'], '--debug'), bindEnv(lab));
      await running.sees('1 of 2 name servers lack the TXT record (ns2.example.test (127.0.0.2))');
      await running.sees('the CA is validating');
      const { code, stderr } = await running.finished;
      expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    } finally {
      await lab.stop();
      rmSync(store, { recursive: true });
    }
  });

  it('ends the run when it never shows the value, and says which one it is', async () => {
    const lab = await startLab({ secondary: true });
    const store = mkdtempSync(join(tmpdir(), 'quoin-store-'));
    try {
      const env = { ...bindEnv(lab), RFC2136_PROPAGATION_TIMEOUT: '1' };
      const { code, stdout } = await quoin(runArgs(lab, store, ['late.example.test'], '--json'), env).finished;
      const { error } = JSON.parse(stdout);
      expect([code, error.code]).toEqual([5, 'PROPAGATION']);
      expect(error.hint).toContain('RFC2136_PROPAGATION_TIMEOUT');
      expect(error.nameServers).toMatchObject([{ server: 'ns2.example.test (127.0.0.2)', said: 'lacks it' }]);
      expect(lab.txt('_acme-challenge.late.example.test')).toEqual([]);
      expect(lab.pebbleLog()).not.toContain('POST /chalZ/');
    } finally {
      await lab.stop();
      rmSync(store, { recursive: true });
    }
  });
});

describeWith([...programs, 'pdns_server', 'sqlite3'], 'quoin run with Pebble and PowerDNS', () => {
  let lab: Lab;
  let store: string;
  beforeAll(async () => {
    lab = await startLab({ pdns: true, zones: ['example.test', 'other.test'] });
  });
  afterAll(() => lab.stop());
  beforeEach(() => {
    store = mkdtempSync(join(tmpdir(), 'quoin-store-'));
  });
  afterEach(() => {
    expect(lab.txt(challenge)).toEqual(['someone-else']);
    rmSync(store, { recursive: true });
  });
  const env = () => ({ ...lab.pdnsEnv, QUOIN_DNS_AUTHORITATIVE_PORT: String(lab.dnsPort) });
  const run = (names: readonly string[], ...more: string[]) =>
    quoin(argsFor('pdns', lab, store, names, ...more), env());

  it('obtains apex and wildcard in one certificate', async () => {
    const { code, stderr } = await run(['example.test', '*.example.test']).finished;
    expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(pairMatches(store, 'example.test')).toBe(true);
  });

  it('obtains 100 names in two zones', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `n${i}.${i % 2 ? 'example' : 'other'}.test`);
    const { code, stderr } = await run(names).finished;
    expect([code, stderr.match(/error.*/u)]).toEqual([0, null]);
    expect(lab.txt('_acme-challenge.n1.example.test')).toEqual([]);
  });

  it('removes what a SIGKILL left, in the next run', async () => {
    const killed = run(['killed.example.test'], '--debug');
    await killed.sees('published 1');
    killed.child.kill('SIGKILL');
    await killed.finished;
    expect((await run(['killed.example.test']).finished).code).toBe(0);
    expect(lab.txt('_acme-challenge.killed.example.test')).toEqual([]);
  });

  it('names the variable of a wrong key, and does not show it', async () => {
    const wrong = 'wrong-key-that-must-not-be-shown';
    const args = argsFor('pdns', lab, store, ['example.test'], '--debug');
    const { code, stdout, stderr } = await quoin(args, { ...env(), PDNS_API_KEY: wrong }).finished;
    expect([code, stderr.includes('PDNS_API_KEY')]).toEqual([4, true]);
    expect(stdout + stderr).not.toContain(wrong);
  });
});

describe('what is loaded', () => {
  const watch = `process.on('exit', () => {
    const loaded = process.moduleLoadList.filter((name) => /NativeModule (https?|_http_client)$/u.test(name));
    process.stderr.write('LOADED ' + loaded.join(','));
  });`;
  it.each([[['--help']], [['--version']], [['dnshelp']], [['dnshelp', '-c', 'cloudflare']]])(
    '%j loads no network package',
    (args) => {
      const { stderr } = spawnSync(
        process.execPath,
        ['--import', `data:text/javascript,${encodeURIComponent(watch)}`, join(ROOT, 'bin/quoin.js'), ...args],
        { encoding: 'utf8' },
      );
      // got, axios and acme-client cannot be loaded without these parts of Node.
      expect(stderr).toBe('LOADED ');
    },
  );
});
