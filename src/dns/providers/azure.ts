import {
  allPages,
  asciiName,
  choice,
  defineProvider,
  flag,
  type Problem,
  ProviderError,
  perRecordSet,
  text,
  type Zone,
} from '../kit/index.ts';
import { azureAuth } from '../vendors/azure-auth.ts';
import { azureAuthEnv } from '../vendors/azure-auth-env.ts';

interface TxtRow {
  value: string[];
}
/** Public zones write `TTL` and `TXTRecords`, private ones `ttl` and `txtRecords`. */
interface RecordSet {
  etag?: string;
  properties?: {
    metadata?: Record<string, string>;
    TTL?: number;
    ttl?: number;
    TXTRecords?: TxtRow[];
    txtRecords?: TxtRow[];
  };
}
interface AzureZone extends Zone {
  readonly path: string;
}
interface ZoneRow {
  name: string;
  subscriptionId: string;
  resourceGroup: string;
}

const clouds = {
  public: { login: 'https://login.microsoftonline.com', resource: 'https://management.azure.com' },
  usgovernment: { login: 'https://login.microsoftonline.us', resource: 'https://management.usgovcloudapi.net' },
  china: { login: 'https://login.chinacloudapi.cn', resource: 'https://management.chinacloudapi.cn' },
};

/** Largest page of Azure Resource Graph. */
const PAGE = 1000;

export default defineProvider({
  id: 'azure',
  name: 'Azure DNS',
  website: 'https://azure.microsoft.com/products/dns',
  apiDocs: 'https://learn.microsoft.com/rest/api/dns/record-sets',
  aliases: ['azuredns'],
  notes:
    'Register an application with a client secret, and give it the role *DNS Zone Contributor* (*Private DNS Zone ' +
    'Contributor* for private zones) on the zones, or *Reader* on the zones and the role on the `_acme-challenge` TXT record ' +
    'sets. On Azure itself the managed identity of the machine or app does without a secret; behind a proxy, its address ' +
    '`169.254.169.254` belongs into `NO_PROXY`. With `AZURE_SUBSCRIPTION_ID` and `AZURE_RESOURCE_GROUP` a zone is asked for by ' +
    'name; without them Azure Resource Graph finds all zones that the account may read.',
  env: {
    ...azureAuthEnv,
    environment: choice('AZURE_ENVIRONMENT', 'Cloud', ['public', 'usgovernment', 'china']).default('public'),
    subscription: text('AZURE_SUBSCRIPTION_ID', 'Subscription of the zones; default: all').optional(),
    group: text('AZURE_RESOURCE_GROUP', 'Resource group of the zones; default: all').optional(),
    zone: text('AZURE_ZONE_NAME', 'Zone to use, instead of looking for one').optional(),
    isPrivate: flag('AZURE_PRIVATE_ZONE', 'Uses private DNS zones, for a private ACME server').default(false),
    filter: text(
      'AZURE_SERVICEDISCOVERY_FILTER',
      'Further condition for Azure Resource Graph: where tags.acme == "yes"',
    ).optional(),
  },
  tuning: { prefix: 'AZURE', ttl: 60, propagationTimeout: 120 },

  connect(context) {
    const { config, log, rest } = context;
    const { login, resource } = clouds[config.environment];
    const auth = azureAuth(context, { login: (config.authority ?? login).replace(/\/+$/u, ''), resource });
    const arm = rest({
      url: resource,
      sign: async () => ({ authorization: `Bearer ${await auth.token()}` }),
      problem: problemOf,
    });
    const version = { 'api-version': config.isPrivate ? '2020-06-01' : '2018-05-01' };
    const kind = config.isPrivate ? 'privateDnsZones' : 'dnsZones';
    const only = config.zone === undefined ? undefined : asciiName(config.zone);
    /** The sets at the names of a change, between reading and writing. */
    const known = new Map<string, RecordSet>();

    const zonesIn = (subscription: string, group: string) =>
      `subscriptions/${encodeURIComponent(subscription)}/resourceGroups/${encodeURIComponent(group)}/providers/Microsoft.Network/${kind}`;
    const zoneIn = ({ subscriptionId, resourceGroup, name }: ZoneRow): AzureZone => ({
      name: asciiName(name),
      path: `${zonesIn(subscriptionId, resourceGroup)}/${encodeURIComponent(name)}`,
    });

    /** https://learn.microsoft.com/rest/api/azureresourcegraph/resourcegraph/resources/resources */
    async function discovered(): Promise<ZoneRow[]> {
      const equals = (column: string, value: string | undefined) =>
        value === undefined ? [] : [`where ${column} =~ ${JSON.stringify(value)}`];
      const query = [
        'resources',
        `where type =~ "microsoft.network/${kind.toLowerCase()}"`,
        ...equals('subscriptionId', config.subscription),
        ...equals('resourceGroup', config.group),
        ...(config.filter === undefined ? [] : [config.filter.replace(/^\s*\|/u, '')]),
        'project id, subscriptionId, resourceGroup, name', // Without the id there would be no paging.
        'order by id asc',
      ].join('\n| ');
      return allPages<ZoneRow>(async ({ page: number, offset, cursor }) => {
        const position = cursor ? { $skipToken: cursor } : number > 1 ? { $skip: offset } : {};
        const options = { resultFormat: 'objectArray', $top: PAGE, ...position };
        const page = await arm.post<{ data?: ZoneRow[]; totalRecords?: number; $skipToken?: string }>(
          'providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01',
          { query, options },
        );
        return { items: page.data, total: page.totalRecords, next: page.$skipToken };
      });
    }

    /** Where Resource Graph is out of reach: the zones in the group that the machine itself is in, as in old versions of lego. */
    async function besidesMachine(machine: (property: string) => Promise<string>): Promise<ZoneRow[]> {
      const subscriptionId = config.subscription ?? (await machine('subscriptionId'));
      const resourceGroup = config.group ?? (await machine('resourceGroupName'));
      const zones = await allPages(async ({ cursor }) => {
        const next = cursor ? new URL(cursor) : undefined;
        const page: { value?: { name: string }[]; nextLink?: string } = await (next
          ? arm.get(next.pathname + next.search)
          : arm.get(zonesIn(subscriptionId, resourceGroup), version));
        return { items: page.value, next: page.nextLink };
      });
      return zones.map(({ name }) => ({ name, subscriptionId, resourceGroup }));
    }

    async function listZones(): Promise<AzureZone[]> {
      const rows = await discovered().catch((error: unknown) => {
        if (!(error instanceof ProviderError) || error.passing || !auth.machine) throw error;
        log.warn(`${error.message}; looking for zones in the resource group of this machine`);
        return besidesMachine(auth.machine);
      });
      const zones = new Map<string, AzureZone>();
      for (const zone of rows.map(zoneIn).filter(({ name }) => only === undefined || name === only)) {
        const other = zones.get(zone.name);
        if (other)
          log.warn(`azure: ${zone.name} is there twice; taking ${other.path}, another with AZURE_RESOURCE_GROUP`);
        else zones.set(zone.name, zone);
      }
      return [...zones.values()];
    }

    /** Whoever may use one zone only is refused at the names beside it, whether they exist or not. */
    async function findZone(name: string): Promise<AzureZone | undefined> {
      if (only !== undefined && name !== only) return undefined;
      const zone = zoneIn({ name, subscriptionId: config.subscription ?? '', resourceGroup: config.group ?? '' });
      await auth.token(); // Or a refusal there would be taken for one here.
      try {
        await arm.get(zone.path, version);
        return zone;
      } catch (error) {
        const isLast = /^[^.]+\.[^.]+$/u.test(name);
        if (!(error instanceof ProviderError) || error.status !== 403 || isLast) throw error;
        log.debug(error.message);
        return undefined;
      }
    }
    const isPlaceKnown = config.subscription !== undefined && config.group !== undefined && config.filter === undefined;

    return perRecordSet<AzureZone>({
      ...(isPlaceKnown ? { findZone } : { listZones }),

      async read({ path }, { name, fqdn }) {
        known.delete(fqdn);
        const set = await arm.get<RecordSet>(`${path}/TXT/${name}`, version);
        known.set(fqdn, set);
        return rowsOf(set).map(textOf);
      },

      async write({ path }, { name, fqdn, ttl }, values) {
        const set = known.get(fqdn);
        const etag = set?.etag;
        // What has changed since it was read is left alone: 412.
        const headers: Record<string, string> = set ? (etag ? { 'if-match': etag } : {}) : { 'if-none-match': '*' };
        const options = { headers, query: version };
        if (values.length === 0) return arm.delete(`${path}/TXT/${name}`, undefined, options).catch(unlessMissing);
        const before = set ? rowsOf(set) : [];
        const rows = values.map((value) => before.find((row) => textOf(row) === value) ?? { value: pieces(value) });
        const { metadata, TTL, ttl: privateTtl } = set?.properties ?? {};
        const kept = { ...(metadata ? { metadata } : {}) };
        const lifetime = TTL ?? privateTtl ?? ttl; // A set has one TTL: that of the others stays.
        const properties = config.isPrivate
          ? { ...kept, ttl: lifetime, txtRecords: rows }
          : { ...kept, TTL: lifetime, TXTRecords: rows };
        return arm.put(`${path}/TXT/${name}`, { properties }, options);
      },
    });
  },
});

function unlessMissing(error: unknown): void {
  if (!(error instanceof ProviderError) || error.fault !== 'missing') throw error;
}

const rowsOf = ({ properties }: RecordSet): TxtRow[] => properties?.TXTRecords ?? properties?.txtRecords ?? [];
const textOf = ({ value }: TxtRow): string => value.join('');
const pieces = (value: string): string[] => value.match(/.{1,255}/gsu) ?? [''];

interface Failure {
  code?: string;
  message?: string;
  error?: { code?: string; message?: string };
}

/** Most errors are inside `error`, some are not: https://learn.microsoft.com/rest/api/dns/record-sets/get#clouderror */
function problemOf(body: Failure | undefined, status: number): Problem | undefined {
  const { code = '', message } = body?.error ?? body ?? {};
  if (status < 400 || message === undefined) return undefined;
  const said = `${message} (${code})`;
  // Somebody else was there between reading and writing: the engine reads again. Locks on a resource are 409, too, and stay.
  if (status === 412 || (status === 409 && code !== 'ScopeLocked')) return { message: said, fault: 'rate' };
  if (code === 'SubscriptionNotFound') return { message: said, fault: 'api', hint: 'check AZURE_SUBSCRIPTION_ID' };
  if (code === 'ResourceGroupNotFound') return { message: said, fault: 'api', hint: 'check AZURE_RESOURCE_GROUP' };
  if (status === 403) return { message: said, hint: 'the account needs the role DNS Zone Contributor on the zone' };
  return { message: said };
}
