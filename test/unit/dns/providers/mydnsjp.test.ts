import mydnsjpFixture from '../../../../fixtures/dns/mydnsjp.ts';
import mydnsjp from '../../../../src/dns/providers/mydnsjp.ts';
import { type FakeReply, type Fixture, Reply } from '../../../helpers/fake-api.ts';
import { fakeVendor } from './open.ts';

const value = { fqdn: '_acme-challenge.www.example.com', value: 'one' };

const answering = (answer: FakeReply) => {
  const fixture: Fixture = mydnsjpFixture();
  return fakeVendor(mydnsjp, {
    ...fixture,
    routes: () => ({
      'POST https://www.mydns.jp/directedit.html': () => {
        throw new Reply(answer);
      },
    }),
  });
};

it('says which names MyDNS.jp accepts when a CNAME leads elsewhere', async () => {
  const { open } = await fakeVendor(mydnsjp, mydnsjpFixture());
  await expect((await open()).add([{ fqdn: 'acme.example.com', value: 'one' }])).rejects.toMatchObject({
    message: expect.stringContaining('acme.example.com'),
    hint: expect.stringContaining('CNAME'),
  });
});

it('hears of a refusal inside a page with status 200', async () => {
  const { open } = await answering({ body: '<html><body>DNS DIRECT <b>EDIT</b> NG.</body></html>' });
  await expect((await open()).add([value])).rejects.toMatchObject({
    message: expect.stringMatching(/DNS DIRECT +EDIT +NG\.$/u),
  });
});

it('takes a page that says nothing known for success, and leaves the rest to DNS', async () => {
  const { open } = await answering({ body: '<html><body>登録しました</body></html>' });
  await (await open()).add([value]);
});

it('names the variable when the password is wrong', async () => {
  const { open } = await fakeVendor(mydnsjp, mydnsjpFixture());
  await expect((await open({ MYDNSJP_PASSWORD: 'mistyped' })).add([value])).rejects.toMatchObject({
    fault: 'auth',
    hint: 'check MYDNSJP_PASSWORD',
  });
});
