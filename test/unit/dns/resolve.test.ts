import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resolveProvider } from '../../../src/dns/resolve.ts';

const folder = mkdtempSync(join(tmpdir(), 'quoin-resolve-'));
afterAll(() => rmSync(folder, { recursive: true }));
// What defineProvider() of another copy of the kit makes: plugins bring their own.
const plugin = (id: string) =>
  `export default { id: '${id}', name: 'x', website: 'https://x.test', env: {}, tuning: { prefix: 'X' }, connect: () => ({}),
    [Symbol.for('quoin.dns-provider/1')]: true };`;
writeFileSync(join(folder, 'mine.mjs'), plugin('mine'));
writeFileSync(join(folder, 'other.mjs'), 'export default { id: "other" };');
writeFileSync(join(folder, 'broken.mjs'), 'export default nothing;');
mkdirSync(join(folder, 'node_modules/acme-dns-x'), { recursive: true });
writeFileSync(
  join(folder, 'node_modules/acme-dns-x/package.json'),
  JSON.stringify({ name: 'acme-dns-x', version: '1.0.0', main: 'index.mjs' }),
);
writeFileSync(join(folder, 'node_modules/acme-dns-x/index.mjs'), plugin('from-npm'));

it.each([
  ['cloudflare', 'cloudflare'],
  [' CloudFlare ', 'cloudflare'],
  ['dnsupdate', 'rfc2136'],
  ['./mine.mjs', 'mine'],
  [join(folder, 'mine.mjs'), 'mine'],
  ['npm:acme-dns-x', 'from-npm'],
])('%s is %s', async (spec, id) => expect((await resolveProvider(spec, folder)).id).toBe(id));

it.each([
  ['cloudflar', 'unknown DNS provider cloudflar', 'did you mean cloudflare?'],
  ['digitalocaen', 'unknown DNS provider digitalocaen', 'did you mean digitalocean?'],
  ['nothing-like-it', 'unknown DNS provider nothing-like-it', expect.stringContaining('quoin dnshelp')],
  ['constructor', 'unknown DNS provider constructor', expect.anything()],
  ['mine.mjs', 'unknown DNS provider mine.mjs', expect.anything()],
  ['./absent.js', 'cannot find the DNS provider ./absent.js', expect.stringContaining(folder)],
  ['npm:acme-dns-absent', 'cannot find the DNS provider acme-dns-absent', 'try: npm install acme-dns-absent'],
  ['./other.mjs', './other.mjs does not export a DNS provider', expect.stringContaining('defineProvider')],
  ['./broken.mjs', 'the DNS provider ./broken.mjs cannot be loaded: nothing is not defined', undefined],
])('%s is refused in words', async (spec, message, hint) => {
  await expect(resolveProvider(spec, folder)).rejects.toMatchObject({ code: 'CONFIG', message, hint });
});
