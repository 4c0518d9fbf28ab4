import { challengeName, normalizeNames } from '../../../src/acme/names.ts';

describe('normalizeNames', () => {
  it('gives A-labels in lower case, each once, in the order given', () => {
    expect(normalizeNames(['Example.COM.', 'bücher.example', '*.example.com', 'example.com'])).toEqual([
      'example.com',
      'xn--bcher-kva.example',
      '*.example.com',
    ]);
  });

  it.each([
    ['192.0.2.1', 'IP address'],
    ['localhost', 'single label'],
    ['a.*.example.com', 'leftmost'],
    ['*.*.example.com', 'leftmost'],
    [`${'a'.repeat(64)}.example.com`, 'too long'],
    ['exa mple.com', 'not a domain name'],
    ['_dmarc.example.com', 'not a host name'],
    ['..', 'not a host name'],
    ['../../etc/passwd', 'not a'],
  ])('refuses %s', (name, why) => {
    expect(() => normalizeNames([name])).toThrow(why);
  });

  it('refuses a name that a wildcard covers already, and keeps the apex beside it', () => {
    expect(() => normalizeNames(['*.example.com', 'a.example.com'])).toThrow('covered by *.example.com');
    expect(normalizeNames(['*.example.com', 'example.com', 'a.b.example.com'])).toHaveLength(3);
  });

  it('wants at least one name', () => {
    expect(() => normalizeNames([' ', ''])).toThrow('no domain name');
  });
});

it('puts apex and wildcard at one challenge name', () => {
  expect([challengeName('example.com'), challengeName('*.example.com')]).toEqual(
    Array(2).fill('_acme-challenge.example.com'),
  );
});
