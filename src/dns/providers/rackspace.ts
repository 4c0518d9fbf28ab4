import {
  allPages,
  asciiName,
  changeSets,
  defineProvider,
  type Problem,
  ProviderError,
  pollUntil,
  type Query,
  secret,
  text,
  unquoteTxt,
  url,
} from '../kit/index.ts';
import { keystoneProblem, loginV2, serviceClient, type Token } from '../vendors/keystone.ts';

interface Fault {
  message?: string;
  code?: number;
  details?: string;
  validationErrors?: { messages?: string[] };
  failedItems?: { faults?: Fault[] };
}
interface Job {
  status?: 'INITIALIZED' | 'RUNNING' | 'COMPLETED' | 'ERROR';
  jobId?: string;
  callbackUrl?: string;
  error?: Fault;
}
interface Page {
  domains?: { id: number | string; name: string }[] | null;
  records?: { id: string; name: string; type: string; data: string }[] | null;
  totalEntries?: number;
  links?: { rel: string; href: string }[] | null;
}

/** Most that one request may create: https://docs.rackspace.com/reference/cloud-dns-limits */
const AT_ONCE = 100;

export default defineProvider({
  id: 'rackspace',
  name: 'Rackspace',
  website: 'https://www.rackspace.com/',
  apiDocs: 'https://docs.rackspace.com/docs/cloud-dns',
  notes:
    'The API key is under *My Profile & Settings* in the Cloud Control Panel; another user of the account needs the role *DNS Admin*, because *DNS Creator* may not delete. ' +
    'Accounts of the United Kingdom log in at `RACKSPACE_IDENTITY_URL=https://lon.identity.api.rackspacecloud.com/v2.0`. ' +
    'Rackspace does its changes in the background, and quoin waits until they are done.',
  env: {
    user: text('RACKSPACE_USER', 'API user'),
    key: secret('RACKSPACE_API_KEY', 'API key'),
    identity: url('RACKSPACE_IDENTITY_URL', 'Address of the identity service').default(
      'https://identity.api.rackspacecloud.com/v2.0',
    ),
  },
  tuning: { prefix: 'RACKSPACE', ttl: 300, minTtl: 300 },

  connect({ config: { user, key, identity }, rest, hide, signal }) {
    const api = serviceClient(
      { rest },
      {
        login: () =>
          loginV2({ who: 'rackspace', rest, hide }, identity, {
            'RAX-KSKEY:apiKeyCredentials': { username: user, apiKey: key },
          }),
        url: dnsAddress,
        problem: (body, status) =>
          status < 400 ? undefined : (problemOf(body, status) ?? keystoneProblem(body, status)),
      },
    );

    const all = <T>(path: string, filter: Query, itemsOf: (page: Page) => T[] | null | undefined): Promise<T[]> =>
      allPages(async ({ page, offset, cursor }) => {
        const at = new URL(cursor ?? '', 'https://link.invalid').searchParams;
        // Without a link, the size of the pages so far.
        const further = { limit: at.get('limit') ?? offset / (page - 1), offset: at.get('offset') ?? offset };
        const answer = await api.get<Page>(path, page > 1 ? { ...filter, ...further } : filter);
        const next = answer.links?.find(({ rel }) => rel === 'next')?.href;
        return { items: itemsOf(answer), total: answer.totalEntries, next };
      });

    /** Errors of a change show only in its job: https://docs.rackspace.com/reference/cloud-dns-synchronous-and-asynchronous-responses */
    async function finished(what: string, started: Job | undefined): Promise<void> {
      const jobId = started?.jobId ?? started?.callbackUrl?.replace(/^.*\//u, '');
      if (!jobId) return;
      const { error } = await pollUntil(
        async () => {
          const job = await api.get<Job>(`status/${jobId}`, { showDetails: true });
          return job.status === 'COMPLETED' || job.status === 'ERROR' ? job : undefined;
        },
        { what: `rackspace: ${what}`, signal: signal(), timeoutMs: 300_000 },
      );
      const faults = error?.failedItems?.faults ?? [];
      if (!error || (faults.length > 0 && faults.every(({ code }) => code === 404))) return;
      const { message, fault = 'api' } = problemOf(error, error.code ?? 0) ?? { message: 'no reason given' };
      throw new ProviderError(fault, `rackspace: ${what} failed: ${message}`, { status: error.code });
    }

    return changeSets({
      async findZone(name) {
        const domains = await all('domains', { name }, (page) => page.domains);
        const domain = domains.find((found) => asciiName(found.name) === name);
        return domain && { name, id: domain.id };
      },
      // A search for a name with an underscore finds nothing:
      // https://docs.rackspace.com/reference/cloud-dns-records-operations#search-records
      read: async (zone) =>
        (await all(`domains/${zone.id}/records`, { type: 'TXT' }, (page) => page.records))
          .filter(({ type }) => type === 'TXT')
          .map(({ id, name, data }) => ({ id, fqdn: asciiName(name), value: unquoteTxt(data) })),

      async write(zone, { add, remove }) {
        const path = `domains/${zone.id}/records`;
        const records = add.map(({ fqdn, value, ttl }) => ({ name: fqdn, type: 'TXT', data: value, ttl }));
        for (let from = 0; from < records.length; from += AT_ONCE) {
          const job = await api.post<Job>(path, { records: records.slice(from, from + AT_ONCE) });
          await finished(`adding records to ${zone.name}`, job);
        }
        if (remove.length === 0) return;
        const ids = new URLSearchParams(remove.map(({ id }): [string, string] => ['id', id]));
        await finished(`removing records from ${zone.name}`, await api.delete<Job>(`${path}?${ids}`));
      },
    });
  },
});

function dnsAddress({ catalogue }: Token): string {
  const found = catalogue.find(
    ({ type, name, face }) => face === 'public' && (type === 'rax:dns' || name === 'cloudDNS'),
  );
  if (found) return found.url;
  throw new ProviderError('api', 'rackspace: the account has no Cloud DNS', {
    hint: 'the catalogue that comes with the login does not name it: has the user a role for it?',
  });
}

/** https://docs.rackspace.com/reference/cloud-dns-faults */
function problemOf(fault: Fault | undefined, status: number): Problem | undefined {
  if (typeof fault?.message !== 'string') return undefined;
  const items = (fault.failedItems?.faults ?? []).map((item) => item.details ?? item.message);
  const told = [fault.details, ...(fault.validationErrors?.messages ?? []), ...items].filter(Boolean);
  const message = [fault.message, ...told].join(' ');
  // Limits of the account come with 413, too, and do not pass; a record that is there meanwhile shows when read again.
  const isPassing = (status === 413 && !/\breached\b/iu.test(message)) || status === 409;
  return isPassing || /is a duplicate of another record/iu.test(message) ? { message, fault: 'rate' } : { message };
}
