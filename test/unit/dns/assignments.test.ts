import { assignmentFor, findAssignment, parseAssignments } from '../../../src/dns/assignments.ts';

const parsed = (...texts: string[]) =>
  parseAssignments(texts).map(({ domain, code, prefix, label }) => [domain, code, prefix, label]);

describe('what is typed after --dns', () => {
  it.each([
    ['cloudflare', undefined, 'cloudflare', undefined],
    [' CloudFlare ', undefined, 'cloudflare', undefined],
    ['acmedns', undefined, 'acme-dns', undefined],
    ['example.org=route53', 'example.org', 'route53', undefined],
    ['example.org = route53', 'example.org', 'route53', undefined],
    ['Example.ORG.=route53', 'example.org', 'route53', undefined],
    ['bücher.example=route53', 'xn--bcher-kva.example', 'route53', undefined],
    ['_acme.example.org=route53', '_acme.example.org', 'route53', undefined],
    ['cloudflare@ORG', undefined, 'cloudflare', 'ORG'],
    ['cloudflare@my_org2', undefined, 'cloudflare', 'MY_ORG2'],
    ['example.org=cloudflare@org', 'example.org', 'cloudflare', 'ORG'],
    ['npm:my-dns', undefined, 'npm:my-dns', undefined],
    ['npm:my-dns@ORG', undefined, 'npm:my-dns', 'ORG'],
    ['npm:@scope/my-dns', undefined, 'npm:@scope/my-dns', undefined],
    ['example.org=npm:@scope/my-dns@ORG', 'example.org', 'npm:@scope/my-dns', 'ORG'],
    ['npm:my-dns@1.2.3', undefined, 'npm:my-dns@1.2.3', undefined],
    ['./my-dns.js', undefined, './my-dns.js', undefined],
    ['./my-dns.js@ORG', undefined, './my-dns.js', 'ORG'],
    ['./a@b/c=d.js', undefined, './a@b/c=d.js', undefined],
    ['example.org=./a@b/c=d.js@ORG', 'example.org', './a@b/c=d.js', 'ORG'],
    ['../My=DNS@home.js', undefined, '../My=DNS@home.js', undefined],
    ['/srv/dns.js', undefined, '/srv/dns.js', undefined],
    ['C:\\dns=1\\my@dns.js', undefined, 'C:\\dns=1\\my@dns.js', undefined],
  ])('%s', (text, domain, code, prefix) => {
    expect(parsed(text)).toEqual([[domain, code, prefix, prefix === undefined ? code : `${code}@${prefix}`]]);
  });

  it('means the same when its label is typed', () => {
    for (const text of ['cloudflare@org', './a@b/c=d.js@ORG', 'npm:@scope/my-dns']) {
      const [first] = parseAssignments([text]);
      expect(parseAssignments([first?.label ?? ''])).toEqual([first]);
    }
  });

  it.each([
    [[], 'no DNS provider was given'],
    [[''], 'there is no provider'],
    [['example.org='], 'there is no provider'],
    [['=cloudflare'], 'nothing is not a domain'],
    [['@ORG'], 'there is no provider'],
    [['npm:'], 'there is no provider'],
    [['cloudflare@'], 'nothing cannot begin the name of a variable'],
    [['cloudflare@my-org'], 'my-org cannot begin the name of a variable'],
    [['cloudflare@2ND'], '2ND cannot begin the name of a variable'],
    [['cloudflare@ORG_'], 'ORG_ cannot begin the name of a variable'],
    [['exa mple.org=cloudflare'], 'exa mple.org is not a domain'],
    [['example..org=cloudflare'], 'example..org is not a domain'],
    [[`${'a'.repeat(64)}.org=cloudflare`], 'is not a domain'],
    [['*.example.org=cloudflare'], 'a domain stands for all names below it'],
    [['cloudflare', 'route53'], 'two DNS providers are meant for all names: cloudflare and route53'],
    [['cloudflare', 'cloudflare'], 'two DNS providers are meant for all names: cloudflare and cloudflare'],
    [['a.org=cloudflare', 'A.ORG.=cloudflare@ORG'], 'two DNS providers are meant for a.org'],
  ])('%j is refused', (texts, told) => {
    expect(() => parseAssignments(texts)).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining(told), hint: expect.any(String) }),
    );
  });

  it('may name one provider for several domains, and several accounts', () => {
    expect(parsed('cloudflare', 'a.org=cloudflare@A', 'b.org=cloudflare@B')).toHaveLength(3);
  });
});

describe('the provider of a name', () => {
  const all = parseAssignments(['gandiv5', 'example.org=cloudflare', 'deep.example.org=route53', 'acme.net=acme-dns']);
  const chosen = (identifier: string, fqdn?: string) => findAssignment(all, { identifier, fqdn })?.label;

  it('is that of the longest domain that holds the name', () => {
    expect(chosen('example.org', '_acme-challenge.example.org')).toBe('cloudflare');
    expect(chosen('*.www.example.org', '_acme-challenge.www.example.org')).toBe('cloudflare');
    expect(chosen('a.deep.example.org', '_acme-challenge.a.deep.example.org')).toBe('route53');
  });

  it('is never that of a domain that only looks alike', () => {
    expect(chosen('notexample.org', '_acme-challenge.notexample.org')).toBe('gandiv5');
  });

  it('is that of where CNAMEs lead, before that of the name', () => {
    expect(chosen('www.example.org', 'abc.acme.net')).toBe('acme-dns');
  });

  it('is that of the name where CNAMEs lead to somewhere that no domain is given for', () => {
    expect(chosen('www.example.org', 'abc.elsewhere.net')).toBe('cloudflare');
  });

  it('is the one for all names, where no domain fits', () => {
    expect(chosen('example.com', '_acme-challenge.example.com')).toBe('gandiv5');
    expect(chosen('example.com')).toBe('gandiv5');
  });

  it('missing is an error that names the identifier, and where it leads', () => {
    const some = parseAssignments(['example.org=cloudflare']);
    expect(() => assignmentFor(some, { identifier: '*.example.com', fqdn: '_acme-challenge.example.com' })).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: 'none of the DNS providers is meant for *.example.com',
        hint: 'add --dns example.com=PROVIDER, or --dns PROVIDER for all other names',
      }),
    );
    expect(() => assignmentFor(some, { identifier: 'example.com', fqdn: 'x.acme.net' })).toThrow(
      'none of the DNS providers is meant for example.com (whose challenge leads to x.acme.net)',
    );
  });
});
