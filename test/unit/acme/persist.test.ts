import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  buildPersist,
  isIssuerName,
  parsePersist,
  persistName,
  txtStrings,
  zoneLine,
} from '../../../src/acme/persist.ts';
import { persistMeta, readPersistChallenge } from '../../../src/acme/persist-challenge.ts';
import { accountHash, accountThumbprint } from '../../../src/acme/persist-hash.ts';
import { judgePersist } from '../../../src/acme/persist-judge.ts';

/** Names, account and thumbprint of the examples in draft-ietf-acme-dns-persist-01 sections 4 and 10 and -02 section 10. */
const account = {
  accountUrl: 'https://ca.example/acct/123',
  thumbprint: 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
};
const PREFIX = 'https://ca.example/account-hash/';
const HASHED = `${PREFIX}sha-256/5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw`;
const ANY_NAME = `${PREFIX}sha-256/NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug`;
const ACCOUNT = account.accountUrl;

describe('the examples of the drafts', () => {
  it.each([
    [`authority.example; accounturi=${ACCOUNT}`, { accountUri: ACCOUNT, wildcard: false }],
    [`authority.example; accounturi=${ACCOUNT}; policy=wildcard`, { accountUri: ACCOUNT, wildcard: true }],
    [
      `authority.example; accounturi=${ACCOUNT}; persistUntil=1721952000`,
      { accountUri: ACCOUNT, wildcard: false, until: 1_721_952_000 },
    ],
    [
      `authority.example; accounturi=${ACCOUNT}; policy=wildcard; persistUntil=1721952000`,
      { accountUri: ACCOUNT, wildcard: true, until: 1_721_952_000 },
    ],
    [`authority.example; accounturi=${HASHED}`, { accountUri: HASHED, wildcard: false }],
    [
      `authority.example; accounturi=${HASHED}; policy=wildcard; persistUntil=1721952000`,
      { accountUri: HASHED, wildcard: true, until: 1_721_952_000 },
    ],
  ])('%s is read and written', (value, record) => {
    expect(parsePersist(value)).toEqual({ issuer: 'authority.example', ...record });
    expect(buildPersist({ issuer: 'authority.example', ...record })).toBe(value);
  });

  it('hash as draft 02 has it, for one name and for any', () => {
    expect(`${PREFIX}${accountHash({ ...account, name: 'example.com' })}`).toBe(HASHED);
    expect(`${PREFIX}${accountHash({ ...account, name: '*' })}`).toBe(ANY_NAME);
  });
});

it('looks below _validation-persist, for wildcards too', () => {
  expect([persistName('example.com'), persistName('*.example.com')]).toEqual(
    Array(2).fill('_validation-persist.example.com'),
  );
  const long = `${`${'a'.repeat(60)}.`.repeat(3)}${'b'.repeat(52)}.c`;
  expect(() => persistName(long)).toThrow('too long');
});

describe('a record in other spelling', () => {
  it.each([
    [`AUTHORITY.example;accounturi=${ACCOUNT}`, {}],
    [`\t authority.example \t;\t accounturi \t=\t ${ACCOUNT} \t`, {}],
    [`authority.example; AccountURI=${ACCOUNT}; POLICY=WildCard`, { wildcard: true }],
    [`authority.example; policy=subdomains; accounturi=${ACCOUNT}`, {}],
    [`authority.example; policy=; accounturi=${ACCOUNT}`, {}],
    [`authority.example; accounturi=${ACCOUNT}; later-parameter=a=b; other=`, {}],
    [`authority.example; accounturi=${ACCOUNT}; PERSISTUNTIL=0001721952000`, { until: 1_721_952_000 }],
  ])('%j is read', (value, more) => {
    expect(parsePersist(value)).toEqual({ issuer: 'authority.example', accountUri: ACCOUNT, wildcard: false, ...more });
  });
});

describe('what is no record', () => {
  it.each([
    ['', 'names no issuer'],
    [';', 'names no issuer'],
    [`; accounturi=${ACCOUNT}`, 'names no issuer'],
    ['v=spf1 -all', 'begin with the domain name'],
    [`authority..example; accounturi=${ACCOUNT}`, 'begin with the domain name'],
    [`-authority.example; accounturi=${ACCOUNT}`, 'begin with the domain name'],
    [`authority.example.; accounturi=${ACCOUNT}`, 'begin with the domain name'],
    [`authority_.example; accounturi=${ACCOUNT}`, 'begin with the domain name'],
    [`authority.example accounturi=${ACCOUNT}`, 'begin with the domain name'],
    [`${'a'.repeat(64)}.example; accounturi=${ACCOUNT}`, 'begin with the domain name'],
    ['authority.example', 'accounturi is missing'],
    ['authority.example;', 'accounturi is missing'],
    ['authority.example; accounturi=', 'accounturi is missing'],
    ['authority.example; policy=wildcard', 'accounturi is missing'],
    [`authority.example; accounturi=${ACCOUNT};`, 'a semicolon too many'],
    [`authority.example;; accounturi=${ACCOUNT}`, 'a semicolon too many'],
    [`authority.example; accounturi=${ACCOUNT}; wildcard`, 'not of the form'],
    [`authority.example; accounturi=${ACCOUNT}; =wildcard`, 'not of the form'],
    [`authority.example; accounturi=${ACCOUNT}; po licy=wildcard`, 'not of the form'],
    [`authority.example; accounturi=${ACCOUNT}; -policy=wildcard`, 'not of the form'],
    [`authority.example; accounturi=${ACCOUNT} policy=wildcard`, 'a space in it'],
    [`authority.example; accounturi=${ACCOUNT}; accountURI=${ACCOUNT}`, 'there twice'],
    [`authority.example; accounturi=${ACCOUNT}; x=1; x=2`, 'there twice'],
    ...['2024-07-26', '1e9', '-1', '+1', '0x10', '1.5', '', '9223372036854775808', '1'.repeat(5000)].map(
      (until) => [`authority.example; accounturi=${ACCOUNT}; persistUntil=${until}`, 'no number of seconds'] as const,
    ),
    [`authority.example; accounturi=${ACCOUNT}\u0000`, 'printable ASCII'],
    [`authority.example; accounturi=${ACCOUNT}\n; policy=wildcard`, 'printable ASCII'],
    [`authority.example; accounturi=https://ca.example/\u00e9`, 'printable ASCII'],
    [`\u001b[2Jauthority.example; accounturi=${ACCOUNT}`, 'printable ASCII'],
    [`\u00a0authority.example; accounturi=${ACCOUNT}`, 'printable ASCII'],
  ] as const)('%j', (value, problem) => {
    expect(parsePersist(value)).toEqual({
      problem: expect.stringContaining(problem.replace('no number', 'not a number')),
    });
  });

  it('is found out in no time, however long it is', () => {
    const started = performance.now();
    for (const hostile of [' ', ';', '-', '=', 'a-', 'a.', ' ;', '\t='])
      for (const value of [
        hostile.repeat(60_000),
        `authority.example;${hostile.repeat(60_000)}x`,
        `a${hostile.repeat(60_000)}!`,
      ])
        expect(parsePersist(value)).toHaveProperty('problem');
    expect(performance.now() - started).toBeLessThan(1000);
  });
});

describe('what cannot be said in a record', () => {
  it.each([
    [{ issuer: 'CA.example' }, 'not the domain name'],
    [{ issuer: 'ca.example; policy=wildcard' }, 'not the domain name'],
    [{ accountUri: 'https://ca.example/acct/1;2' }, 'cannot be named'],
    [{ accountUri: 'https://ca.example/acct/1 2' }, 'cannot be named'],
    [{ accountUri: '' }, 'cannot be named'],
  ])('%j is refused', (more, told) => {
    const record = { issuer: 'ca.example', accountUri: ACCOUNT, wildcard: false, ...more };
    expect(() => buildPersist(record)).toThrow(told);
  });
});

describe('TXT data', () => {
  it('is split into strings of 255 bytes, which joined are the value', () => {
    const value = `ca.example; accounturi=https://ca.example/${'a'.repeat(600)}`;
    const strings = txtStrings(value);
    expect([strings.join(''), strings.map(({ length }) => length)]).toEqual([value, [255, 255, 132]]);
    expect(zoneLine('_validation-persist.example.com', value, 60)).toBe(
      `_validation-persist.example.com. 60 IN TXT ( ${strings.map((text) => `"${text}"`).join(' ')} )`,
    );
  });

  it('is quoted', () => {
    expect(zoneLine('n.example', 'a"b\\c', 60)).toBe('n.example. 60 IN TXT "a\\"b\\\\c"');
  });
});

describe('the thumbprint of an account key', () => {
  it('is that of RFC 7638 section 3.1', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw';
    const pem = createPublicKey({ key: { kty: 'RSA', e: 'AQAB', n }, format: 'jwk' })
      .export({
        type: 'spki',
        format: 'pem',
      })
      .toString();
    expect(accountThumbprint(pem)).toBe(account.thumbprint);
  });

  it.each(['P-256', 'P-384'])('is that of key authorizations, for %s', async (namedCurve) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const { calculateJwkThumbprint, exportJWK } = await import('jose');
    expect(accountThumbprint(pem)).toBe(await calculateJwkThumbprint(await exportJWK(privateKey)));
  });
});

describe('whether a record counts', () => {
  const question = {
    ...account,
    issuers: ['authority.example', 'other.example'],
    draft: '01',
    now: 1_700_000_000,
  } as const;
  const newer = { ...question, draft: '02', hashPrefix: PREFIX } as const;
  const kinds = (value: string, name = 'example.com', asked: Parameters<typeof judgePersist>[2] = question) =>
    judgePersist(value, name, asked).misses.map(({ kind }) => kind);
  const record = (accountUri: string, more = '', issuer = 'authority.example') =>
    `${issuer}; accounturi=${accountUri}${more}`;

  it.each([
    [record(ACCOUNT), 'example.com', []],
    [record(ACCOUNT, '', 'other.example'), 'example.com', []],
    [record(ACCOUNT, '; policy=wildcard'), '*.example.com', []],
    [record(ACCOUNT, '; policy=WILDCARD'), '*.example.com', []],
    [record(ACCOUNT, '; persistUntil=1700000000'), 'example.com', []],
    [record(ACCOUNT), '*.example.com', ['policy']],
    [record(ACCOUNT, '; policy=all'), '*.example.com', ['policy']],
    [record(ACCOUNT, '; persistUntil=1699999999'), 'example.com', ['expired']],
    [record(`${ACCOUNT}4`), 'example.com', ['account']],
    [record('HTTPS://ca.example/acct/123'), 'example.com', ['account']],
    [record(ACCOUNT, '', 'elsewhere.example'), 'example.com', ['issuer']],
    [
      record('x:1', '; persistUntil=1', 'elsewhere.example'),
      '*.example.com',
      ['issuer', 'account', 'policy', 'expired'],
    ],
    ['something else', 'example.com', ['malformed']],
    [record(HASHED), 'example.com', ['account']],
  ])('%j for %s by draft 01: misses %j', (value, name, misses) => {
    expect(kinds(value, name)).toEqual(misses);
  });

  it.each([
    [record(HASHED), 'example.com', []],
    [record(HASHED, '; policy=wildcard'), '*.example.com', []],
    [record(ANY_NAME), 'example.com', []],
    [record(ANY_NAME), 'example.net', []],
    [record(HASHED), 'example.net', ['account']],
    [record(HASHED), 'www.example.com', ['account']],
    [record(HASHED.replace('-kw', '-kx')), 'example.com', ['account']],
    [record(HASHED.replace('account-hash', 'other')), 'example.com', ['account']],
    [record(HASHED.replace('sha-256', 'sha256')), 'example.com', ['account']],
    [record(ACCOUNT), 'example.com', ['account']],
  ])('%j for %s by draft 02: misses %j', (value, name, misses) => {
    expect(kinds(value, name, newer)).toEqual(misses);
  });

  it('takes any prefix where that of the CA is not known', () => {
    const value = record(HASHED.replace('account-hash', 'other'));
    expect(kinds(value, 'example.com', { ...newer, hashPrefix: undefined })).toEqual([]);
  });

  it('tells the two drafts apart, and says so', () => {
    expect(judgePersist(record(HASHED), 'example.com', question)).toMatchObject({
      draft: '02',
      misses: [{ why: expect.stringContaining('it wants the URL of the account') }],
    });
    expect(judgePersist(record(ACCOUNT), 'example.com', newer)).toMatchObject({
      draft: '01',
      misses: [{ why: expect.stringContaining('it wants a hash') }],
    });
  });
});

describe('the challenge', () => {
  const url = 'https://ca.example/acme/authz/1234';
  const older = {
    type: 'dns-persist-01',
    url: `${url}/0`,
    status: 'pending',
    'issuer-domain-names': ['authority.example', 'ca.example.net'],
  };
  const { 'issuer-domain-names': issuerDomainNames, ...bare } = older;
  const newer = { ...bare, issuerDomainNames };

  it('is read in both formats', () => {
    expect(readPersistChallenge(older, url)).toEqual({ url: older.url, draft: '01', issuers: issuerDomainNames });
    expect(readPersistChallenge({ ...older, accounturi: ACCOUNT }, url)).toMatchObject({ accountUri: ACCOUNT });
    expect(readPersistChallenge(newer, url)).toEqual({ url: older.url, draft: '02', issuers: issuerDomainNames });
    expect(readPersistChallenge({ ...older, type: 'dns-01' }, url)).toBeUndefined();
    expect([null, 'text', 1, []].map((one) => readPersistChallenge(one, url))).toEqual(Array(4).fill(undefined));
  });

  it.each([
    [{ ...bare }],
    [{ ...bare, 'issuer-domain-names': [] }],
    [{ ...bare, 'issuer-domain-names': 'authority.example' }],
    [{ ...bare, 'issuer-domain-names': [1] }],
    [{ ...bare, 'issuer-domain-names': Array(11).fill('authority.example') }],
    [{ ...bare, issuerDomainNames: ['Authority.example'] }],
    [{ ...bare, issuerDomainNames: ['authority.example.'] }],
    [{ ...bare, issuerDomainNames: ['ca.example; policy=wildcard'] }],
    [{ ...bare, issuerDomainNames: [`${'a'.repeat(63)}.`.repeat(4)] }],
    [{ ...older, url: 'ftp://ca.example/' }],
    [{ ...older, url: 'http://ca.example/' }],
    [{ ...older, url: undefined }],
  ])('%j is rejected', (challenge) => {
    expect(() => readPersistChallenge(challenge, url)).toThrow('makes no sense');
  });

  it('must go with the directory, by draft 02', () => {
    const read = (meta: Parameters<typeof readPersistChallenge>[2]) => readPersistChallenge(newer, url, meta);
    expect(
      read({
        issuerDomainNames: ['ca.example.net'],
        caaIdentities: ['CA.example.net.', 'authority.example', 'x.example'],
      })?.draft,
    ).toBe('02');
    expect(() => read({ issuerDomainNames: ['third.example'] })).toThrow('lacks an issuer that the directory promises');
    expect(() => read({ caaIdentities: ['authority.example'] })).toThrow('none of caaIdentities');
    expect(
      read({ issuerDomainNames: ['NOT.normal'], caaIdentities: ['authority.example', 'ca.example.net'] })?.draft,
    ).toBe('02');
  });
});

describe('the directory', () => {
  it('tells issuers and prefix, and what is malformed counts as missing', () => {
    const caaIdentities = ['CA.example', 'other.example.', 'no domain'];
    expect(persistMeta({ caaIdentities })).toEqual({ issuers: ['ca.example', 'other.example'], hashPrefix: undefined });
    expect(persistMeta({ caaIdentities, issuerDomainNames: ['authority.example'], accountHashPrefix: PREFIX })).toEqual(
      {
        issuers: ['authority.example'],
        hashPrefix: PREFIX,
      },
    );
    expect(persistMeta({ caaIdentities, issuerDomainNames: ['Authority.example'] }).issuers).toEqual([
      'ca.example',
      'other.example',
    ]);
    for (const accountHashPrefix of ['', 'relative/', 'https://ca.example/; policy=wildcard;', 'https://ca.example/\n'])
      expect(persistMeta({ accountHashPrefix }).hashPrefix).toBeUndefined();
    expect(persistMeta({})).toEqual({ issuers: [], hashPrefix: undefined });
  });

  it.each(['ca.example', 'xn--bcher-kva.example', 'a', '1.2.3.4'])('%s may be the name of an issuer', (name) => {
    expect(isIssuerName(name)).toBe(true);
  });
});
