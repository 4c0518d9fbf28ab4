import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureAccount } from '../../src/acme/account.ts';
import { type AcmeConnection, type AcmeOptions, expectObject, fetchDirectory } from '../../src/acme/client.ts';
import { readOrder } from '../../src/acme/order.ts';
import { readPersistChallenge } from '../../src/acme/persist-challenge.ts';
import { openStore } from '../../src/acme/storage.ts';
import { createTransport } from '../../src/http.ts';
import { silentLog } from '../../src/log.ts';
import { newFolder } from '../helpers/child.ts';
import { ownPlaces, startSandboxProcess } from '../helpers/sandbox.ts';
import { describeWith, type Lab, quoin, startLab } from '../helpers/servers.ts';

/** Pebble before 2.10 does not know the challenge; tools/install-lab.sh gets one that does, where it can. */
const isThere = existsSync(join(homedir(), '.cache/quoin-lab/pebble/usr/bin/pebble'));
const programs = ['named', 'knotd', 'nsupdate', 'dig', 'pebble', 'openssl'];
const describeWithPebble = isThere
  ? describeWith
  : (_: unknown, title: string, body: () => void) => describe.skip(title, body);

const id = 'lab@example.test';

/** An account in a store, as `quoin run` makes it. */
async function register(directoryUrl: string, rootFile: string, store: string): Promise<AcmeConnection> {
  const transport = createTransport({ log: silentLog, env: {}, caCertificates: [readFileSync(rootFile, 'utf8')] });
  const options: AcmeOptions = { transport, log: silentLog, signal: new AbortController().signal, maxWaitMs: 10_000 };
  const directory = await fetchDirectory(directoryUrl, options);
  return ensureAccount({ directory, id, email: id, keyType: 'ec256', acceptTos: true }, openStore(store), options);
}

it('works with a quoin sandbox that is named so', async () => {
  const places = ownPlaces();
  const { directory, root, environment } = await startSandboxProcess(['--zone', 'example.test'], places);
  const store = join(newFolder(), 'store');
  const { accountUrl } = await register(directory, root, store);
  const persist = async (action: string) => {
    const args = ['persist', action, '--experimental', '--json', '--server', 'sandbox', '--path', store];
    const ended = await quoin([...args, '-d', '*.example.test'], places).finished;
    return { ...ended, document: JSON.parse(ended.stdout) };
  };
  const [{ name, value }] = (await persist('print')).document.records;
  expect([name, value]).toEqual([
    '_validation-persist.example.test',
    `sandbox.test; accounturi=${accountUrl}; policy=wildcard`,
  ]);
  expect((await persist('check')).code).toBe(5);
  const { RFC2136_NAMESERVER: server = '', RFC2136_TSIG_KEY, RFC2136_TSIG_SECRET } = environment;
  execFileSync('nsupdate', ['-y', `hmac-sha256:${RFC2136_TSIG_KEY}:${RFC2136_TSIG_SECRET}`], {
    input: `server ${server.replace(':', ' ')}\nupdate add ${name}. 60 TXT "${value}"\nsend\n`,
  });
  expect(await persist('check')).toMatchObject({ code: 0, document: { ok: true, names: [{ covered: true }] } });
});

describeWithPebble(programs, 'quoin persist with Pebble, which validates by the record, and BIND', () => {
  let lab: Lab;
  let store: string;
  let acme: AcmeConnection;
  beforeAll(async () => {
    lab = await startLab({
      zones: ['example.test', 'other.test'],
      secondary: true,
      records: '_validation-persist.www CNAME www.other.test.',
    });
    store = join(newFolder(), 'store');
    acme = await register(lab.directoryUrl, lab.caFile, store);
  });
  afterAll(() => lab.stop());

  const persist = async (action: string, names: readonly string[], ...more: string[]) => {
    const args = ['persist', action, '--experimental', '--json', '--path', store, '--email', id];
    const ca = ['--server', lab.directoryUrl, '--ca-certificates', lab.caFile];
    const env = {
      QUOIN_DNS_AUTHORITATIVE_PORT: String(lab.dnsPort),
      QUOIN_DNS_RESOLVERS: `127.0.0.1:${lab.dnsPort}`,
    };
    const ended = await quoin([...args, ...ca, ...names.flatMap((name) => ['-d', name]), ...more], env).finished;
    return { ...ended, document: JSON.parse(ended.stdout) };
  };

  const nsupdate = (...lines: string[]) =>
    execFileSync('nsupdate', ['-y', `${lab.tsig.algorithm}:${lab.tsig.name}:${lab.tsig.secret}`], {
      input: [`server 127.0.0.1 ${lab.dnsPort}`, ...lines, 'send', ''].join('\n'),
    });
  /** The line that `print` gave for a zone file, as it is. */
  const create = (zoneFile: string) => nsupdate(`update add ${zoneFile.replace(/[()]/gu, '')}`);

  /** Orders a name, says that the record is there, and gives the challenge as Pebble leaves it. */
  async function validate(name: string): Promise<Record<string, unknown>> {
    const identifiers = [{ type: 'dns', value: name }];
    const answer = await acme.post(acme.directory.newOrder, { identifiers }, { doing: 'order' });
    const [url = ''] = readOrder(answer, String(answer.headers.location)).authorizations;
    const { challenges } = expectObject(await acme.post(url, null, { doing: 'read' }), url);
    const [offer] = (challenges as unknown[]).flatMap(
      (one) => readPersistChallenge(one, url, acme.directory.meta) ?? [],
    );
    expect(offer?.issuers).toEqual(['pebble.letsencrypt.org']);
    const at = offer?.url ?? '';
    await acme.post(at, {}, { doing: 'answer the challenge' });
    return acme.poll(at, {
      doing: 'validate',
      deadline: performance.now() + 10_000,
      done: (response) => {
        const challenge = expectObject(response, at);
        return challenge.status === 'valid' || challenge.status === 'invalid' ? challenge : undefined;
      },
    });
  }

  it('prints a record by which Pebble validates a name and its wildcard', async () => {
    const names = ['a.example.test', '*.a.example.test'];
    expect((await validate('a.example.test')).status).toBe('invalid');
    const { code, document } = await persist('print', names, '--until', '2100-01-01');
    expect(code).toBe(0);
    expect(lab.txt('_validation-persist.a.example.test')).toEqual([]);
    create(document.records[0].zoneFile);
    expect([(await validate(names[0] ?? '')).status, (await validate(names[1] ?? '')).status]).toEqual([
      'valid',
      'valid',
    ]);
  });

  it.each([
    ['b.example.test', '*.b.example.test', [], 'policy mismatch'],
    ['c.example.test', 'c.example.test', ['--until', '4102444800'], 'is after persistUntil'],
    ['d.example.test', 'd.example.test', [], 'accounturi mismatch'],
    ['e.example.test', 'e.example.test', ['--issuer', 'elsewhere.example'], 'No valid TXT record'],
    ['f.example.test', 'f.example.test', [], 'trailing semicolon'],
  ])('and Pebble agree that the record of %s does not count for %s', async (place, name, more, told) => {
    const { document } = await persist('print', [place], ...more);
    const line = String(document.records[0].zoneFile)
      .replace('persistUntil=4102444800', 'persistUntil=1721952000')
      .replace(/(d\.example\.test.*my-account\/)/u, '$10')
      .replace(/(f\.example\.test.*)"$/u, '$1;"');
    create(line);
    const { status, error } = await validate(name);
    expect([status, JSON.stringify(error).includes(told) || error]).toEqual(['invalid', true]);
    const found = await persist('check', [name]);
    expect([found.code, found.document.names[0].covered]).toEqual([5, false]);
  });

  it('checks what Pebble finds, by a CNAME too', async () => {
    const { document } = await persist('print', ['www.example.test']);
    nsupdate(`update add www.other.test. 60 TXT "${document.records[0].value}"`);
    const found = await persist('check', ['www.example.test']);
    expect([found.code, found.document.problems]).toEqual([0, []]);
    expect(found.document.names[0]).toMatchObject({ target: 'www.other.test', zone: 'other.test', covered: true });
    expect((await validate('www.example.test')).status).toBe('valid');
  });

  it('does not call covered what one of two name servers does not show yet', async () => {
    // Knot looks for changes every five seconds: now and then it is quicker than the first check.
    for (let n = 0; n < 5; n += 1) {
      const name = `late${n}.example.test`;
      create((await persist('print', [name])).document.records[0].zoneFile);
      let { document } = await persist('check', [name]);
      if (document.names[0].covered) continue;
      expect(document.names[0].values).toMatchObject([{ counts: true, missingAt: ['ns2.example.test (127.0.0.2)'] }]);
      expect(document.problems[0].message).toMatch(/ns2\.example\.test \(127\.0\.0\.2\) does not show it$/u);
      while (!document.names[0].covered) ({ document } = await persist('check', [name]));
      expect([document.ok, document.names[0].values[0].missingAt]).toEqual([true, []]);
      return;
    }
    throw new Error('Knot never lagged behind');
  });
});
