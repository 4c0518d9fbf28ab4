import { ConfigError } from '../errors.ts';

/** Short names for `--server`, each as its CA documents it; the last five as lego 5 has them. */
export const directories: Readonly<Record<string, string>> = {
  letsencrypt: 'https://acme-v02.api.letsencrypt.org/directory',
  'letsencrypt-staging': 'https://acme-staging-v02.api.letsencrypt.org/directory',
  zerossl: 'https://acme.zerossl.com/v2/DV90',
  googletrust: 'https://dv.acme-v02.api.pki.goog/directory',
  'googletrust-staging': 'https://dv.acme-v02.test-api.pki.goog/directory',
  sslcomrsa: 'https://acme.ssl.com/sslcom-dv-rsa',
  sslcomecc: 'https://acme.ssl.com/sslcom-dv-ecc',
  actalis: 'https://acme-api.actalis.com/acme/directory',
  digicert: 'https://acme.digicert.com/v2/acme/directory',
  sectigo: 'https://acme.sectigo.com/v2/DV',
  sectigoev: 'https://acme.sectigo.com/v2/EV',
  sectigoov: 'https://acme.sectigo.com/v2/OV',
  globalsign: 'https://emea.acme.atlas.globalsign.com/directory',
  freessl: 'https://acmepro.freessl.cn/v2/DV',
  litessl: 'https://acme.litessl.com/acme/v2/directory',
};

const isLoopback = (host: string): boolean => /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/u.test(host);

/** The directory's URL for a short name or a URL. `http://` is for loopback only. */
export function directoryUrl(server: string): string {
  const known = Object.hasOwn(directories, server) ? directories[server] : undefined;
  if (known) return known;
  const url = URL.canParse(server) ? new URL(server) : undefined;
  if (!url || !/^https?:$/u.test(url.protocol)) {
    throw new ConfigError(`--server ${server} is neither a URL nor a known CA`, {
      hint: `known are ${Object.keys(directories).join(', ')}`,
    });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname)) {
    throw new ConfigError(`--server ${server}: http:// is for test CAs on this machine only`, { hint: 'use https://' });
  }
  return url.href;
}
