import { jest } from '@jest/globals';
import type { Provider } from '../../../../src/dns/kit/index.ts';
import { openSession } from '../../../../src/dns/session.ts';
import { createTransport } from '../../../../src/http.ts';
import { createLog, silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { FakeDns, type FakeServer, type Fixture, serve } from '../../../helpers/fake-api.ts';

const running: FakeServer[] = [];
afterEach(async () => {
  jest.restoreAllMocks();
  const ended = running.splice(0);
  await Promise.all(ended.map((server) => server.close()));
  expect(ended.flatMap(({ violations }) => violations)).toEqual([]);
});

/**
 * A fake of the vendor with one zone, example.com, and a way to open sessions with it. Both end with the test, and so does
 * whatever `jest.spyOn` changed; a request that the vendor would refuse fails the test.
 */
export async function fakeVendor(provider: Provider, fixture: Fixture) {
  const dns = new FakeDns();
  dns.zones.set('example.com', []);
  dns.add('example.com', 'TXT', '_acme-challenge.example.com', 'someone-else', 300);
  const server = await serve(fixture, dns);
  running.push(server);
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
