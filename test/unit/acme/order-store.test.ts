import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openOrders } from '../../../src/acme/order-store.ts';
import type { PendingOrder } from '../../../src/acme/storage.ts';
import { silentLog } from '../../../src/log.ts';
import { newFolder } from '../../helpers/child.ts';

const at = (ca: string, number = 1): PendingOrder => ({
  url: `https://${ca}/order/${number}`,
  directoryUrl: `https://${ca}/directory`,
  accountUrl: `https://${ca}/account/1`,
  names: ['example.com'],
  settings: 'fingerprint',
  createdAt: '2026-01-01T00:00:00Z',
});

describe('orders at several CAs', () => {
  const folder = newFolder();
  const store = openOrders(folder, silentLog);
  const read = async (ca: string) => (await store.read('example.com', `https://${ca}/directory`))?.url;

  it('are kept side by side, one for each', async () => {
    await store.write('example.com', at('a'));
    await store.write('example.com', at('b'));
    await store.write('example.com', at('a', 2));
    expect([await read('a'), await read('b'), await read('c')]).toEqual([
      'https://a/order/2',
      'https://b/order/1',
      undefined,
    ]);
    expect(await store.read('example.com')).toEqual(at('a', 2));
  });

  it('are forgotten one by one, or all together', async () => {
    await store.remove('example.com', 'https://c/directory');
    await store.remove('example.com', 'https://a/directory');
    expect([await read('a'), await read('b')]).toEqual([undefined, 'https://b/order/1']);
    await store.write('example.com', at('a'));
    await store.remove('example.com');
    expect(existsSync(join(folder, 'example.com.json'))).toBe(false);
    await store.write('example.com', at('b'));
    await store.remove('example.com', 'https://b/directory');
    expect(existsSync(join(folder, 'example.com.json'))).toBe(false);
  });

  it.each([[[{ url: 'https://b/order/1' }]], ['x'], [[null]]])(
    'are set aside where an earlier one is damaged: %j',
    async (earlier) => {
      const text = JSON.stringify({ version: 1, ...at('a'), earlier });
      writeFileSync(join(folder, 'example.com.json'), text);
      expect(await read('a')).toBeUndefined();
      expect(readFileSync(join(folder, 'example.com.json.damaged'), 'utf8')).toBe(text);
    },
  );
});
