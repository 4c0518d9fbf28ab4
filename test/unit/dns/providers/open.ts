import { jest } from '@jest/globals';
import type { Provider, Rest, RestOptions } from '../../../../src/dns/kit/index.ts';
import { openSession, type SessionOptions } from '../../../../src/dns/session.ts';
import { createTransport } from '../../../../src/http.ts';
import { createLog, silentLog } from '../../../../src/log.ts';
import { Redactor } from '../../../../src/redact.ts';
import { FakeDns, type FakeServer, type Fixture, once, serve } from '../../../helpers/fake-api.ts';

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
  const served = await serve(fixture, dns);
  const server = { ...served, close: once(() => served.close()) }; // Some tests end it themselves.
  running.push(server);
  const logged: string[] = [];
  return {
    dns,
    server,
    logged,
    open: (env: Record<string, string | undefined> = {}, options: Partial<SessionOptions> = {}) => {
      const redactor = new Redactor();
      return openSession(provider, {
        env: { ...fixture.env, ...env },
        log: createLog((level, message) => logged.push(`${level} ${message}`), redactor),
        redactor,
        gateway: server.gateway,
        transport: createTransport({ log: silentLog, env: {} }),
        findZoneBySoa: async (fqdn) => dns.zoneOf(fqdn),
        retryDelayMs: 1,
        ...options,
      });
    },
  };
}

/** What a provider makes clients of when it is connected, `answers` being what all of them do. */
export async function clientsOf(
  provider: Provider,
  config: object,
  answers: Partial<Rest> = {},
): Promise<RestOptions[]> {
  const made: RestOptions[] = [];
  const rest = (options: RestOptions) => {
    made.push(options);
    return answers as Rest;
  };
  await provider.connect({ config, rest, hide() {}, log: silentLog } as never);
  return made;
}
