import rfc2136 from '../../src/dns/providers/rfc2136.ts';
import { openSession } from '../../src/dns/session.ts';
import { createTransport } from '../../src/http.ts';
import { silentLog } from '../../src/log.ts';
import { Redactor } from '../../src/redact.ts';
import { bindEnv, describeWith, type Lab, startLab } from '../helpers/servers.ts';

const name = '_acme-challenge.example.test';

describeWith(['pebble', 'named', 'dig', 'openssl'], 'rfc2136 with a real BIND', () => {
  const open = (env: Record<string, string>) =>
    openSession(rfc2136, {
      env,
      log: silentLog,
      redactor: new Redactor(),
      transport: createTransport({ log: silentLog, env: {} }),
      retryDelayMs: 1,
    });

  it.each(['hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'])(
    'signs and verifies with %s',
    async (algorithm) => {
      const lab = await startLab({ algorithm });
      try {
        const session = await open(bindEnv(lab));
        await session.add([{ fqdn: name, value: 'one' }]);
        expect(lab.txt(name)).toEqual(['one', 'someone-else']);
        await session.remove([{ fqdn: name, value: 'one' }]);
        expect(lab.txt(name)).toEqual(['someone-else']);
        await session.close();
      } finally {
        await lab.stop();
      }
    },
  );

  describe('tells apart', () => {
    let lab: Lab;
    beforeAll(async () => {
      lab = await startLab();
    });
    afterAll(() => lab.stop());
    const refusal = async (env: Record<string, string>, fqdn = name) => {
      const session = await open({ ...bindEnv(lab), ...env });
      return session.add([{ fqdn, value: 'x' }]).then(
        () => undefined,
        (error: Error & { fault?: string; hint?: string }) => error,
      );
    };

    it('an unknown key, a wrong secret, another algorithm, and a zone that is not there', async () => {
      expect(await refusal({ RFC2136_TSIG_KEY: 'nobody' })).toMatchObject({
        fault: 'auth',
        message: expect.stringContaining('BADKEY'),
      });
      const secret = Buffer.from('wrong').toString('base64');
      expect(await refusal({ RFC2136_TSIG_SECRET: secret })).toMatchObject({
        fault: 'auth',
        message: expect.stringContaining('BADSIG'),
        hint: expect.stringContaining('RFC2136_TSIG_SECRET'),
      });
      expect(await refusal({ RFC2136_TSIG_ALGORITHM: 'hmac-sha512' })).toMatchObject({ fault: 'auth' });
      expect(await refusal({}, '_acme-challenge.example.org')).toMatchObject({ fault: 'zone' });
    });

    it('adds and removes 100 values at once, over TCP', async () => {
      const session = await open(bindEnv(lab));
      const values = Array.from({ length: 100 }, (_, i) => ({
        fqdn: `_acme-challenge.n${i}.example.test`,
        value: `v${i}`,
      }));
      await session.add(values);
      expect(lab.txt('_acme-challenge.n99.example.test')).toEqual(['v99']);
      await session.remove(values);
      expect(lab.txt('_acme-challenge.n99.example.test')).toEqual([]);
    });
  });
});
