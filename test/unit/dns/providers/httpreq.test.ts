import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpreq from '../../../../src/dns/providers/httpreq.ts';
import { fakeVendor } from './open.ts';

interface Heard {
  url: string | undefined;
  authorization: string | undefined;
  body: unknown;
}
let server: Server;
let heard: Heard[];
let status: number;
let endpoint: string;
let vendor: Awaited<ReturnType<typeof fakeVendor>>;

beforeEach(async () => {
  heard = [];
  status = 200;
  server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
    heard.push({ url: req.url, authorization: req.headers.authorization, body });
    res.writeHead(status, { location: '/elsewhere' }).end('<p>no such tenant</p>');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  // The gateway is empty: the requests go where the endpoint says.
  vendor = await fakeVendor(httpreq, {
    env: { HTTPREQ_ENDPOINT: endpoint },
    wrongEnv: {},
    start: async () => ({ close() {} }),
  });
});
afterEach(() => {
  server.close();
  server.closeAllConnections();
});

const challenge = { domain: 'example.com', token: 'tok', keyAuth: 'tok.thumb' };
const value = { fqdn: '_acme-challenge.example.com', value: 'v', challenge };

it('posts name and value to present and cleanup below the endpoint, its query kept', async () => {
  const session = await vendor.open({ HTTPREQ_ENDPOINT: `${endpoint}/hooks/dns/?tenant=7&x=a%20b` });
  await session.add([value]);
  await session.remove([value]);
  const body = { fqdn: '_acme-challenge.example.com.', value: 'v' };
  expect(heard).toEqual([
    { url: '/hooks/dns/present?tenant=7&x=a%20b', authorization: undefined, body },
    { url: '/hooks/dns/cleanup?tenant=7&x=a%20b', authorization: undefined, body },
  ]);
});

it('posts the challenge itself in mode RAW', async () => {
  const session = await vendor.open({ HTTPREQ_MODE: 'RAW' });
  await session.add([value]);
  expect(heard).toEqual([{ url: '/present', authorization: undefined, body: challenge }]);
  await expect(session.add([{ fqdn: value.fqdn, value: 'w' }])).rejects.toThrow('mode RAW needs the token');
});

it('authenticates when user name and password are there, and warns when one is missing', async () => {
  await (await vendor.open({ HTTPREQ_USERNAME: 'u', HTTPREQ_PASSWORD: 'pä:ss' })).add([value]);
  await (await vendor.open({ HTTPREQ_PASSWORD: 'alone' })).add([value]);
  expect(heard.map(({ authorization }) => authorization)).toEqual([
    `Basic ${Buffer.from('u:pä:ss').toString('base64')}`,
    undefined,
  ]);
  expect(vendor.logged.filter((line) => line.startsWith('warn'))).toHaveLength(1);
});

it('takes user name and password from the address too, and shows no key of the query', async () => {
  const address = endpoint.replace('http://', 'http://me:p%40ss-of-mine@');
  await (await vendor.open({ HTTPREQ_ENDPOINT: `${address}/x?key=key-of-mine` })).add([value]);
  expect(heard[0]?.authorization).toBe(`Basic ${Buffer.from('me:p@ss-of-mine').toString('base64')}`);
  expect(vendor.logged.join('\n')).not.toMatch(/of-mine/u);
});

it.each([302, 400, 422])('takes status %d for a refusal and shows what the server said', async (refusal) => {
  status = refusal;
  const session = await vendor.open();
  await expect(session.add([value])).rejects.toThrow(`answered ${refusal}: no such tenant`);
  expect(heard).toHaveLength(1);
});

it('refuses an endpoint that is no address', async () => {
  await expect(vendor.open({ HTTPREQ_ENDPOINT: 'my.server:9090' })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringContaining('HTTPREQ_ENDPOINT'),
  });
});
