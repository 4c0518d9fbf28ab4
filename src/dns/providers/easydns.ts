import {
  allPages,
  basicAuth,
  defineProvider,
  isProviderError,
  type Problem,
  perRecord,
  secret,
  unlessStatus,
  unquoteTxt,
  url,
} from '../kit/index.ts';

interface Page {
  data?: { id: string | number; host: string; type: string; rdata: string }[] | null;
  total?: number | string;
}

const faults: Readonly<Record<number, Problem['fault']>> = { 401: 'auth', 403: 'auth', 404: 'missing', 429: 'rate' };
/** "Enhance your calm": too many requests, and also the answer to a wrong key. */
const CALM = 420;

export default defineProvider({
  id: 'easydns',
  name: 'easyDNS',
  website: 'https://easydns.com',
  apiDocs: 'https://docs.sandbox.rest.easydns.net',
  notes:
    'Ask for a token and a key of the REST API in the control panel, under *Security → API*. ' +
    'The sandbox has credentials of its own: use them with `EASYDNS_ENDPOINT=https://sandbox.rest.easydns.net`. ' +
    'A wrong key is answered like too many requests: "Enhance Your Calm".',
  env: {
    token: secret('EASYDNS_TOKEN', 'API token'),
    key: secret('EASYDNS_KEY', 'API key'),
    endpoint: url('EASYDNS_ENDPOINT', 'Address of the API').default('https://rest.easydns.net'),
  },
  tuning: { prefix: 'EASYDNS', sequenceInterval: 60 },

  connect({ config, rest }) {
    /** Until something was accepted, nobody knows whether the credentials are right. */
    let accepted = false;
    let calmed = 0;
    const api = rest({
      url: config.endpoint,
      headers: {
        accept: 'application/json', // Else pages of HTML come.
        authorization: basicAuth(config.token, config.key),
      },
      problem(body, status) {
        if (typeof body !== 'object') return undefined;
        const code = Number(body?.error?.code ?? body?.status) || status;
        if (code < 400 && !body?.error) {
          accepted = true;
          return undefined;
        }
        const message = String(body?.error?.message ?? body?.msg ?? `error ${code}`);
        if (/record already exists/iu.test(message)) return null;
        if (code !== CALM) return { message, fault: faults[code] };
        calmed += 1;
        return accepted || calmed < 3
          ? { message, fault: 'rate' }
          : { message, fault: 'auth', hint: 'check EASYDNS_TOKEN and EASYDNS_KEY; if they are right, try again later' };
      },
    });
    const query = { format: 'json' };
    const page = (zone: string, start = 0) =>
      api.get<Page>(`zones/records/all/${zone}`, { ...query, start: start || undefined });

    return perRecord({
      async findZone(name) {
        try {
          await page(name);
          return { name };
        } catch (error) {
          if (!isRefusal(error)) throw error;
          // Domains of others are forbidden, as everything is to a wrong key: what may be asked of any domain tells.
          const isLast = name.split('.').length === 2;
          if (isLast && !accepted) await api.get(`domain/${name}`, query).catch(unlessStatus(400));
          return undefined;
        }
      },
      async list(zone, { name }) {
        const found = await allPages(async ({ offset }) => {
          const { data: items, total } = await page(zone.name, offset);
          return { items, total };
        });
        return found
          .filter(({ type, host }) => type === 'TXT' && (host || '@').toLowerCase() === name)
          .map(({ id, rdata }) => ({ id, value: unquoteTxt(rdata) }));
      },
      create: (zone, { name, value, ttl }) =>
        api.request('PUT', `zones/records/add/${zone.name}/TXT`, {
          query,
          body: { domain: zone.name, host: name, ttl, prio: 0, type: 'TXT', rdata: value },
        }),
      delete: (zone, { id }) => api.request('DELETE', `zones/records/${zone.name}/${id}`, { query }),
    });
  },
});

const isBad = (error: unknown) => isProviderError(error) && error.status === 400;
const isRefusal = (error: unknown) => isBad(error) || isProviderError(error, 'auth');
