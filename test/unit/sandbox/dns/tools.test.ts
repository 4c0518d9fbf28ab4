import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { silentLog } from '../../../../src/log.ts';
import { type DnsServer, startDnsServer } from '../../../../src/sandbox/dns/index.ts';
import { describeWith } from '../../../helpers/servers.ts';

const run = promisify(execFile);
const secret = Buffer.alloc(32, 9);
let server: DnsServer;
beforeEach(async () => {
  const tsigKey = { name: 'lab-key', algorithm: 'hmac-sha256', secret } as const;
  server = await startDnsServer({ port: 0, zones: ['example.test', 'other.example'], tsigKey, log: silentLog });
});
afterEach(() => server.close());

const dig = async (...args: string[]) => (await run('dig', ['@127.0.0.1', '-p', String(server.port), ...args])).stdout;
const kdig = async (...args: string[]) =>
  (await run('kdig', ['@127.0.0.1', '-p', String(server.port), ...args])).stdout;
const y = (bytes = secret) => `hmac-sha256:lab-key:${bytes.toString('base64')}`;

/** What nsupdate is told on its standard input; its exit code and what it said. */
async function nsupdate(lines: readonly string[], ...args: string[]): Promise<[number, string]> {
  const child = spawn('nsupdate', args, { stdio: 'pipe' });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  child.stdin.end([`server 127.0.0.1 ${server.port}`, ...lines, 'send', ''].join('\n'));
  const code = await new Promise<number>((resolve) => child.once('close', (status) => resolve(status ?? -1)));
  return [code, said];
}

describeWith(['dig', 'nsupdate'], 'with the tools of BIND', () => {
  it('takes an update of nsupdate, which finds the zone by itself', async () => {
    const added = await nsupdate(
      [
        'update add _acme-challenge.example.test 60 TXT "a b" "c"',
        'update add www.example.test 60 CAA 0 issue "ca.test"',
      ],
      '-y',
      y(),
    );
    expect(added).toEqual([0, '']);
    expect(await dig('+short', '_acme-challenge.example.test', 'TXT')).toBe('"a b" "c"\n');
    expect(await dig('+short', '+tcp', 'www.example.test', 'CAA')).toBe('0 issue "ca.test"\n');
    expect(await nsupdate(['update delete _acme-challenge.example.test TXT "a b" "c"'], '-y', y())).toEqual([0, '']);
    expect(await dig('_acme-challenge.example.test', 'TXT')).toContain('status: NXDOMAIN');
  });

  it('takes prerequisites of nsupdate', async () => {
    const [code, said] = await nsupdate(
      ['prereq yxdomain no.example.test', 'update delete ns.example.test'],
      '-y',
      y(),
    );
    expect([code, said.trim()]).toEqual([2, 'update failed: NXDOMAIN']);
    expect(await dig('+short', 'ns.example.test')).toBe('127.0.0.1\n');
  });

  it.each([
    ['without a key', [], 'update failed: REFUSED'],
    ['with a wrong secret', ['-y', y(Buffer.alloc(32))], 'tsig indicates error'],
    ['with an unknown key', ['-y', `hmac-sha256:other:${secret.toString('base64')}`], 'tsig indicates error'],
    ['with another algorithm', ['-y', `hmac-sha1:lab-key:${secret.toString('base64')}`], 'tsig indicates error'],
  ])('refuses nsupdate %s', async (_, args, words) => {
    const [code, said] = await nsupdate(['zone example.test', 'update add x.example.test 60 TXT x'], ...args);
    expect([code === 0, said.includes(words) ? words : said]).toEqual([false, words]);
    expect(await dig('x.example.test', 'TXT')).toContain('status: NXDOMAIN');
  });

  it('speaks EDNS as dig likes it, with and without, and keeps the connection for more questions', async () => {
    const plain = await dig('+noedns', 'example.test', 'SOA');
    expect(plain).toMatch(/flags: qr aa rd; QUERY: 1, ANSWER: 1/u);
    const extended = await dig('+edns=0', '+cookie', 'example.test', 'NS');
    expect(extended).toMatch(/EDNS: version: 0, flags:; udp: 1232/u);
    expect(await dig('+edns=1', '+noednsneg', 'example.test')).toContain('status: BADVERS');
    const several = await dig('+tcp', '+keepopen', '+short', 'ns.example.test', 'A', 'ns.other.example', 'A');
    expect(several).toBe('127.0.0.1\n127.0.0.1\n');
    expect(await dig('example.com')).toContain('status: REFUSED');
    expect(plain + extended).not.toMatch(/malformed|mismatch|extra bytes/iu);
  });

  it('lets dig go over to TCP for what is too long', async () => {
    const lines = Array.from(
      { length: 30 },
      (_, i) => `update add big.example.test 60 TXT ${String(i).padEnd(60, 'x')}`,
    );
    expect(await nsupdate(lines, '-y', y())).toEqual([0, '']);
    const answer = await dig('big.example.test', 'TXT');
    expect(answer).toContain('Truncated, retrying in TCP mode');
    expect(answer).toContain('ANSWER: 30');
    expect(await dig('+ignore', 'big.example.test', 'TXT')).toMatch(/flags: qr aa tc rd/u);
  });

  it('signs answers to questions of dig', async () => {
    expect(await dig('-y', y(), 'example.test', 'SOA')).toMatch(/TSIG\s+hmac-sha256\..*NOERROR/u);
  });
});

describeWith(['kdig'], 'with the tools of Knot', () => {
  it('is understood by kdig, signed or not, over UDP and TCP', async () => {
    expect(await kdig('+short', 'example.test', 'NS')).toBe('ns.example.test.\n');
    expect(await kdig('+tcp', '-y', y(), 'example.test', 'SOA')).toMatch(/status: NOERROR[\s\S]*TSIG/u);
    expect(await kdig('nothing.example.test', 'TXT')).toMatch(/status: NXDOMAIN[\s\S]*AUTHORITY: 1/u);
  });
});
