import { directoryUrl } from '../../../src/acme/directories.ts';

describe('the word after --server', () => {
  it('is a short name, or a URL', () => {
    expect(directoryUrl('letsencrypt')).toBe('https://acme-v02.api.letsencrypt.org/directory');
    expect(directoryUrl('https://ca.example')).toBe('https://ca.example/');
    expect(directoryUrl('http://[::1]:14000/dir')).toBe('http://[::1]:14000/dir');
  });

  it.each(['__proto__', 'constructor', 'toString', '', 'ftp://ca.example/'])('is refused otherwise: %j', (word) => {
    expect(() => directoryUrl(word)).toThrow('is neither a URL nor a known CA');
  });
});
