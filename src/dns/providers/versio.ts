import {
  asciiName,
  basicAuth,
  defineProvider,
  ProviderError,
  quoteTxt,
  secret,
  text,
  unquoteTxt,
  url,
  wholeZone,
} from '../kit/index.ts';

/** Fields that are not known here go back as they came. */
interface VersioRecord {
  type: string;
  name: string;
  value: string;
  prio?: number;
  ttl?: number;
}
interface DomainAnswer {
  domainInfo: { domain?: string; dns_management?: boolean; dns_records?: VersioRecord[] | null };
}

export default defineProvider({
  id: 'versio',
  name: 'Versio',
  website: 'https://www.versio.nl/domeinnamen',
  apiDocs: 'https://www.versio.nl/RESTapidoc/',
  notes:
    'Allow the API for the address of this machine in the control panel; user name and password are those of the account. ' +
    'Accounts at versio.eu and versio.uk need `VERSIO_ENDPOINT`, such as `https://www.versio.eu/api/v1/`. ' +
    'The API takes whole zones only: changes that others make at the same moment may be lost.',
  env: {
    user: text('VERSIO_USERNAME', 'E-mail address of the account'),
    password: secret('VERSIO_PASSWORD', 'Password of the account'),
    endpoint: url('VERSIO_ENDPOINT', 'Address of the API').default('https://www.versio.nl/api/v1/'),
  },
  tuning: { prefix: 'VERSIO', ttl: 300, pollingInterval: 5 },

  connect({ config, log, rest }) {
    const api = rest({
      url: `${config.endpoint.replace(/\/+$/u, '')}/domains/`,
      headers: { authorization: basicAuth(config.user, config.password) },
      problem(body) {
        const message: unknown = body?.error?.message;
        if (typeof message !== 'string') return undefined;
        // A domain that is not there is told with 401, as wrong credentials are.
        return /^ObjectDoesNotExist|domain not found|invalid domain/iu.test(message)
          ? { message, fault: 'missing' }
          : message;
      },
    });
    const domain = async (name: string) => (await api.get<DomainAnswer>(name, { show_dns_records: true })).domainInfo;

    return wholeZone({
      async findZone(name) {
        const found = await domain(name);
        if (found.dns_management === false)
          log.warn(`versio: ${name} is not on Versio's name servers, so nobody will see the record`);
        return asciiName(found.domain ?? name) === name ? { name } : undefined;
      },
      async load(zone) {
        const { dns_records: records } = await domain(zone.name);
        // What is not given back is deleted, so "not shown" must not be taken for "none".
        if (records === undefined)
          throw new ProviderError('api', `versio: ${zone.name} came without its records, so nothing is changed`);
        return records ?? [];
      },
      save: (zone, records) => api.post(`${zone.name}/update`, { dns_records: records }),
      toRow: ({ fqdn, value, ttl }): VersioRecord => ({
        type: 'TXT',
        name: `${fqdn}.`,
        value: quoteTxt(value),
        prio: 0,
        ttl,
      }),
      isRow: (row, { fqdn, value }) =>
        row.type === 'TXT' && asciiName(row.name) === fqdn && unquoteTxt(row.value) === value,
    });
  },
});
