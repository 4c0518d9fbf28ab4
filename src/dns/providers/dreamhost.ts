import { defineProvider, direct, type Problem, secret, type TxtRecord } from '../kit/index.ts';

export default defineProvider({
  id: 'dreamhost',
  name: 'DreamHost',
  website: 'https://www.dreamhost.com',
  apiDocs: 'https://help.dreamhost.com/hc/en-us/articles/217555707-DNS-API-overview',
  notes:
    'Create an API key in the panel under *API*, with the functions `dns-add_record` and `dns-remove_record`. ' +
    'DreamHost publishes changes within the hour and limits them per hour; there is no TTL to choose.',
  env: { key: secret('DREAMHOST_API_KEY', 'API key that may add and remove DNS records') },
  tuning: { prefix: 'DREAMHOST', ignored: ['ttl'], propagationTimeout: 3600, pollingInterval: 60 },

  connect({ config: { key }, rest }) {
    const api = rest({ url: 'https://api.dreamhost.com/', problem: problemOf });
    const run =
      (cmd: string) =>
      async (_zone: unknown, { fqdn, value }: TxtRecord) =>
        api.get('', { key, cmd, format: 'json', record: fqdn, type: 'TXT', value });

    // Both commands name the value. The list that there is too holds all records of all domains, and counts against the limit.
    return direct({ add: run('dns-add_record'), remove: run('dns-remove_record') });
  },
});

interface Answer {
  result?: string;
  data?: unknown;
  reason?: string;
}

/** Everything comes with status 200, and errors as words, details after a tab. */
function problemOf(body: Answer | undefined, status: number): Problem | null | undefined {
  if (body?.result === 'success') return undefined;
  if (body?.result === undefined) return status === 200 ? { message: 'an answer that cannot be read' } : undefined;
  const [word = '', ...details] = String(body.data).split('\t');
  if (word === 'record_already_exists_remove_first') return null;
  return { message: [word, ...details, body.reason].filter(Boolean).join(': '), fault: faultOf(word) };
}

function faultOf(word: string): Problem['fault'] {
  if (/key/iu.test(word)) return 'auth'; // No list names them all: no_key, this_key_cannot_access_this_cmd, ...
  if (/^no_such_(?:record|type|value)$/u.test(word)) return 'missing';
  if (word === 'no_such_zone') return 'zone';
  return word.startsWith('slow_down_bucko') ? 'rate' : undefined;
}
