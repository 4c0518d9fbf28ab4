import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import exec from '../../../../src/dns/providers/exec.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { createTransport } from '../../../../src/http.ts';
import { createLog, silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';

const value = {
  fqdn: '_acme-challenge.example.com',
  value: '-value',
  challenge: { domain: 'example.com', token: '-token', keyAuth: '-token.thumb' },
};
let folder: string;
let logged: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'quoin-exec-'));
  logged = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const script = (body: string, mode = 0o755): string => {
  const path = join(folder, 'hook');
  writeFileSync(path, `#!/bin/sh\n${body}\n`, { mode });
  return path;
};
const open = (env: Record<string, string>, signal?: AbortSignal) =>
  openSession(exec, {
    env: { PATH: '/usr/bin:/bin', OUT: join(folder, 'out'), EXEC_SEQUENCE_INTERVAL: '0', ...env },
    log: createLog((level, message) => logged.push(`${level} ${message}`), new Redactor()),
    redactor: new Redactor(),
    transport: createTransport({ log: silentLog, env: {} }),
    findZoneBySoa: async () => 'example.com',
    ...(signal ? { signal } : {}),
  });
const out = () => readFileSync(join(folder, 'out'), 'utf8');

it('hands over action, name with a trailing dot and value', async () => {
  const session = await open({ EXEC_PATH: script('printf "<%s>" "$@" >> "$OUT"') });
  await session.add([value]);
  await session.remove([value]);
  expect(out()).toBe('<present><_acme-challenge.example.com.><-value><cleanup><_acme-challenge.example.com.><-value>');
});

it('hands over the challenge behind -- in mode RAW', async () => {
  const session = await open({ EXEC_PATH: script('printf "<%s>" "$@" >> "$OUT"'), EXEC_MODE: 'RAW' });
  await session.add([value]);
  expect(out()).toBe('<present><--><example.com><-token><-token.thumb>');
});

it('says so when mode RAW has no challenge to hand over', async () => {
  const session = await open({ EXEC_PATH: script('exit 0'), EXEC_MODE: 'RAW' });
  await expect(session.add([{ fqdn: value.fqdn, value: 'x' }])).rejects.toThrow('mode RAW needs the token');
});

it('passes the environment on, but not what unlocks the ACME account', async () => {
  const session = await open({
    EXEC_PATH: script('env >> "$OUT"'),
    MY_TOKEN: 'mine',
    LEGO_EAB_HMAC: 'no',
    QUOIN_PFX_PASSWORD: 'no',
  });
  await session.add([value]);
  expect(out()).toContain('MY_TOKEN=mine');
  expect(out()).not.toMatch(/EAB_HMAC|PFX_PASSWORD/u);
});

it('runs no shell over the arguments', async () => {
  const session = await open({ EXEC_PATH: script('printf "%s" "$3" >> "$OUT"') });
  await session.add([{ fqdn: value.fqdn, value: `$(touch ${folder}/injected); x` }]);
  expect(out()).toContain('$(touch');
  expect(existsSync(join(folder, 'injected'))).toBe(false);
});

it('ends with what the program said when it fails, and runs it once', async () => {
  const path = script('echo run >> "$OUT"; echo starting; printf "no \\033[31msuch zone\\n" >&2; exit 3');
  const session = await open({ EXEC_PATH: path });
  await expect(session.add([value])).rejects.toMatchObject({
    message: expect.stringMatching(
      /^exec: .*hook present _acme-challenge\.example\.com exited with 3: .*no \[31msuch zone$/u,
    ),
    exitCode: 4,
  });
  expect(out()).toBe('run\n');
  expect(logged).toContain('debug exec: starting');
});

it('finds a bare name in PATH', async () => {
  script('echo found >> "$OUT"');
  const session = await open({ EXEC_PATH: 'hook', PATH: `/nowhere:${folder}:/usr/bin:/bin` });
  await session.add([value]);
  expect(out()).toBe('found\n');
});

it.each([
  ['is missing', () => join(tmpdir(), 'quoin-no-such-program')],
  ['may not be run', () => script('exit 0', 0o644)],
])('tells before anything else that a program %s', async (_what, path) => {
  await expect(open({ EXEC_PATH: path() })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('EXEC_PATH'),
  });
});

it('ends the program and its children when the run is aborted', async () => {
  const abort = new AbortController();
  const child = `(trap 'echo ended >> "$OUT"; exit' TERM; echo started >> "$OUT"; while :; do sleep 0.05; done) & wait`;
  const session = await open({ EXEC_PATH: script(child) }, abort.signal);
  const adding = session.add([value]);
  adding.catch(() => {});
  while (!existsSync(join(folder, 'out')) || out() === '') await sleep(10);
  abort.abort(new Error('stopped by the user'));
  await expect(adding).rejects.toThrow('stopped by the user');
  expect(out()).toBe('started\nended\n');
});
