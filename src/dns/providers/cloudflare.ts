import { defineProvider, oneOf, perRecord, secret, text } from '../kit/index.ts';

interface Page<T> {
  result: T[];
}

export default defineProvider({
  id: 'cloudflare',
  name: 'Cloudflare',
  website: 'https://www.cloudflare.com/dns/',
  apiDocs: 'https://developers.cloudflare.com/api/resources/dns/',
  notes: 'The token needs *Zone → DNS → Edit*, and *Zone → Zone → Read* unless a separate zone token is given.',
  env: {
    auth: oneOf({
      token: {
        dns: secret(['CF_DNS_API_TOKEN', 'CLOUDFLARE_DNS_API_TOKEN'], 'API token that may edit DNS'),
        zone: secret(
          ['CF_ZONE_API_TOKEN', 'CLOUDFLARE_ZONE_API_TOKEN'],
          'API token that may list zones; default: the DNS token',
        ).optional(),
      },
      globalKey: {
        email: text(['CF_API_EMAIL', 'CLOUDFLARE_EMAIL'], 'Account e-mail address'),
        key: secret(['CF_API_KEY', 'CLOUDFLARE_API_KEY'], 'Global API key'),
      },
    }),
  },
  tuning: { prefix: 'CF', minTtl: 120, propagationTimeout: 120 },

  connect({ config: { auth }, rest }) {
    const client = (headers: Record<string, string>) =>
      rest({
        url: 'https://api.cloudflare.com/client/v4/',
        headers,
        problem: (body) => (body?.success === false ? body.errors?.[0]?.message : undefined),
      });
    const dns = client(
      auth.via === 'token'
        ? { authorization: `Bearer ${auth.dns}` }
        : { 'x-auth-email': auth.email, 'x-auth-key': auth.key },
    );
    const zones = auth.via === 'token' && auth.zone ? client({ authorization: `Bearer ${auth.zone}` }) : dns;

    return perRecord({
      findZone: async (name) => (await zones.get<Page<{ id: string; name: string }>>('zones', { name })).result[0],
      list: async (zone, { fqdn }) => {
        const { result } = await dns.get<Page<{ id: string; content: string }>>(`zones/${zone.id}/dns_records`, {
          type: 'TXT',
          'name.exact': fqdn,
          per_page: 100,
        });
        return result.map(({ id, content }) => ({ id, value: content.replaceAll('"', '') }));
      },
      create: (zone, { fqdn, value, ttl }) =>
        dns.post(`zones/${zone.id}/dns_records`, { type: 'TXT', name: fqdn, content: `"${value}"`, ttl }),
      delete: (zone, { id }) => dns.delete(`zones/${zone.id}/dns_records/${id}`),
    });
  },
});
