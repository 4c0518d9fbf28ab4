import sakuraFake from '../../../../fixtures/dns/sakuracloud.ts';
import sakuracloud from '../../../../src/dns/providers/sakuracloud.ts';
import { type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.example.com', value: 'one' };
const api = 'https://secure.sakura.ad.jp/cloud/zone/is1a/api/cloud/1.1/commonserviceitem';
const but = (routes: Fixture['routes']): Fixture => {
  const usual = sakuraFake();
  return { ...usual, routes: (dns) => ({ ...usual.routes!(dns), ...routes!(dns) }) };
};
const error = (status: number, error_code: string, error_msg: string) =>
  new Reply({ status, body: { is_fatal: true, serial: 'f', status: String(status), error_code, error_msg } });

it('gives everything else of the settings back as it came', async () => {
  const record = { Name: 'www', Type: 'HTTPS', RData: '1 . alpn=h2', TTL: 60, Weight: 3 };
  const Settings = { DNS: { ResourceRecordSets: [record], MonitoringSuiteLog: { Enabled: 'True' } }, Other: [1] };
  const saved: unknown[] = [];
  const fixture = but(() => ({
    [`GET ${api}`]: ({ query }) => {
      const { Name } = JSON.parse([...query.keys()][0] ?? '{}').Filter;
      const item = { ID: 1, Name: 'Example.com', Settings, SettingsHash: 'hash-1' };
      return { Total: 1, CommonServiceItems: Name === 'example.com' ? [item] : [], is_ok: true };
    },
    [`PUT ${api}/:id`]: ({ body }) => (saved.push(body.CommonServiceItem), { Success: true, is_ok: true }),
  }));
  const { open } = await fakeVendor(sakuracloud, fixture);
  await (await open({ SAKURACLOUD_TTL: '30' })).add([value]);
  const own = { Name: '_acme-challenge', Type: 'TXT', RData: 'one', TTL: 30 };
  expect(saved).toEqual([
    {
      Settings: { ...Settings, DNS: { ...Settings.DNS, ResourceRecordSets: [record, own] } },
      SettingsHash: 'hash-1',
    },
  ]);
});

it('asks for the zone itself where a search does not show its records', async () => {
  const usual = sakuraFake();
  const fixture: Fixture = {
    ...usual,
    routes(dns) {
      const routes = usual.routes!(dns);
      return {
        ...routes,
        [`GET ${api}`](request) {
          const found = routes[`GET ${api}`]!(request) as { CommonServiceItems: object[] };
          return {
            ...found,
            CommonServiceItems: found.CommonServiceItems.map((item) => ({ ...item, Settings: null })),
          };
        },
      };
    },
  };
  const { dns, open } = await fakeVendor(sakuracloud, fixture);
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
});

it('reads the zone again when someone else has changed it meanwhile', async () => {
  let changed = false;
  const usual = sakuraFake();
  const fixture: Fixture = {
    ...usual,
    routes(dns) {
      const routes = usual.routes!(dns);
      return {
        ...routes,
        [`PUT ${api}/:id`](request) {
          if (!changed) dns.add('example.com', 'A', 'late.example.com', '192.0.2.9', 60);
          changed = true;
          return routes[`PUT ${api}/:id`]!(request);
        },
      };
    },
  };
  const { dns, open } = await fakeVendor(sakuracloud, fixture);
  await (await open()).add([value]);
  expect(dns.txt(value.fqdn)).toEqual(['one', 'someone-else']);
  expect(dns.records('example.com').some(({ fqdn }) => fqdn === 'late.example.com')).toBe(true);
});

it('tries again while the zone is locked', async () => {
  let locked = true;
  const fixture = but(() => ({
    [`GET ${api}`]: ({ query }) => {
      void [...query.keys()];
      if (!locked) throw error(400, 'bad_request', 'enough seen');
      locked = false;
      throw error(423, 'locked', 'error-locked');
    },
  }));
  const { open } = await fakeVendor(sakuracloud, fixture);
  await expect((await open()).add([value])).rejects.toThrow('enough seen');
});

it('shows messages without their HTML entities', async () => {
  const fixture = but(() => ({
    [`GET ${api}`]: ({ query }) => {
      void [...query.keys()];
      throw error(403, 'access_level', 'この操作は&quot;許可&quot;&#12373;れていません&amp;lt;');
    },
  }));
  const { open } = await fakeVendor(sakuracloud, fixture);
  await expect((await open()).add([value])).rejects.toMatchObject({
    fault: 'auth',
    message: expect.stringContaining('403: この操作は"許可"されていません&lt; (access_level)'),
    hint: 'check SAKURACLOUD_ACCESS_TOKEN_SECRET',
  });
});
