import type { Provider } from '../../../../src/dns/kit/index.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { createTransport } from '../../../../src/http.ts';
import { createLog, silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { FakeDns, type Fixture, serve } from '../../../helpers/fake-api.ts';

/** A fake of the vendor with one zone, example.com, and a way to open sessions with it. */
export async function fakeVendor(provider: Provider, fixture: Fixture) {
  const dns = new FakeDns();
  dns.zones.set('example.com', []);
  dns.add('example.com', 'TXT', '_acme-challenge.example.com', 'someone-else', 300);
  const server = await serve(fixture, dns);
  const logged: string[] = [];
  return {
    dns,
    server,
    logged,
    open: (env: Record<string, string | undefined> = {}) => {
      const redactor = new Redactor();
      return openSession(provider, {
        env: { ...fixture.env, ...env },
        log: createLog((level, message) => logged.push(`${level} ${message}`), redactor),
        redactor,
        gateway: server.gateway,
        transport: createTransport({ log: silentLog, env: {} }),
        findZoneBySoa: async (fqdn) => dns.zoneOf(fqdn),
        retryDelayMs: 1,
      });
    },
  };
}
