import type { DomainEntry, Operation } from '@aws-sdk/client-lightsail';
import {
  allPages,
  asciiName,
  defineProvider,
  distinct,
  ProviderError,
  quoteTxt,
  type TxtEditor,
  type TxtRecord,
  text,
  unquoteTxt,
  url,
  type Zone,
} from '../kit/index.ts';
import { awsClientSettings, awsEnv, awsPackage } from '../vendors/aws.ts';

/** https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_GetDomain.html: domains are served nowhere else. */
const REGION = 'us-east-1';

export default defineProvider({
  id: 'lightsail',
  name: 'Amazon Lightsail',
  website: 'https://aws.amazon.com/lightsail/',
  apiDocs: 'https://docs.aws.amazon.com/lightsail/2016-11-28/api-reference/API_CreateDomainEntry.html',
  notes:
    'Credentials are found as with `route53`. Their policy has to allow `lightsail:CreateDomainEntry` and ' +
    '`lightsail:DeleteDomainEntry`; `lightsail:GetDomain`, so that nothing is done twice; and `lightsail:GetDomains` unless ' +
    '`DNS_ZONE` is set. Where optional packages were left out: ' +
    '`npm install @aws-sdk/client-lightsail @aws-sdk/credential-providers`.',
  env: {
    ...awsEnv,
    zone: text('DNS_ZONE', 'Domain that holds the names; without it the domains of the account are listed').optional(),
    region: text('LIGHTSAIL_REGION', 'Domains are served in us-east-1 and nowhere else').default(REGION),
    endpoint: url(['AWS_ENDPOINT_URL_LIGHTSAIL', 'AWS_ENDPOINT_URL'], 'Address of the API, if another')
      .noFile()
      .optional(),
  },
  // An entry has no TTL of its own.
  tuning: { prefix: 'LIGHTSAIL', ignored: ['ttl'] },

  async connect(context): Promise<TxtEditor> {
    const { config, log } = context;
    if (config.region !== REGION)
      log.warn(`lightsail: LIGHTSAIL_REGION=${config.region} is not used: domains are served in ${REGION} only`);
    const sdk = await awsPackage('lightsail', '@aws-sdk/client-lightsail', () => import('@aws-sdk/client-lightsail'));
    const client = new sdk.LightsailClient(
      await awsClientSettings(context, { who: 'lightsail', region: REGION, endpoint: config.endpoint }),
    );

    async function listZones(): Promise<Zone[]> {
      const domains = await allPages(async ({ cursor: pageToken }) => {
        const page = await client.send(new sdk.GetDomainsCommand(pageToken === undefined ? {} : { pageToken }));
        return { items: page.domains, next: page.nextPageToken };
      });
      return domains.flatMap(({ name }) => (name === undefined ? [] : [{ name: asciiName(name) }]));
    }

    /** `undefined` where the policy is that of lego, which never reads. */
    async function entriesOf(domainName: string): Promise<readonly DomainEntry[] | undefined> {
      try {
        const { domain } = await client.send(new sdk.GetDomainCommand({ domainName }));
        return domain?.domainEntries ?? [];
      } catch (error) {
        if (!isFault(error, 'auth')) throw error;
        log.debug(`lightsail: ${error.message}`);
        return undefined; // Where the credentials are wrong, writing fails too.
      }
    }

    /** lego cannot do without DNS_ZONE, so it may be set where a certificate is for other domains as well. */
    async function findZone(given: string, name: string): Promise<Zone | undefined> {
      if (name === given) return { name };
      return name.endsWith(`.${given}`) ? undefined : (await listZones()).find((zone) => zone.name === name);
    }

    return {
      ...(config.zone ? { findZone: findZone.bind(undefined, asciiName(config.zone)) } : { listZones }),

      async apply({ name: domainName }, changes) {
        const { add, remove } = distinct(changes);
        const present = await entriesOf(domainName);
        for (const record of add.filter((wanted) => !present?.some((entry) => isSame(entry, wanted)))) {
          const command = new sdk.CreateDomainEntryCommand({ domainName, domainEntry: toEntry(record) });
          await client.send(command).then(check, unless(/already exists/iu));
        }
        const unwanted = present
          ? present.filter((entry) => remove.some((record) => isSame(entry, record)))
          : remove.map(toEntry);
        for (const { name, type, target } of unwanted) {
          const command = new sdk.DeleteDomainEntryCommand({ domainName, domainEntry: { name, type, target } });
          await client.send(command).then(check, unless(/does(?: not|n't) exist|\(NotFoundException\)/iu));
        }
      },
    };
  },
});

const toEntry = ({ fqdn, value }: TxtRecord): DomainEntry => ({ name: fqdn, type: 'TXT', target: quoteTxt(value) });

const isSame = ({ name = '', type, target = '' }: DomainEntry, { fqdn, value }: TxtRecord): boolean =>
  type === 'TXT' && asciiName(name) === fqdn && unquoteTxt(target) === value;

/** Without reading first, what is there already and what is gone already come back as errors. */
const unless = (fine: RegExp) => (error: unknown) => {
  if (!(error instanceof ProviderError && fine.test(error.message))) throw error;
};

const isFault = (error: unknown, fault: ProviderError['fault']): error is ProviderError =>
  error instanceof ProviderError && error.fault === fault;

/** An operation can fail although the request did not. */
function check({ operation }: { operation?: Operation | undefined }): void {
  if (operation?.status !== 'Failed') return;
  const { operationType, errorCode, errorDetails } = operation;
  throw new ProviderError('api', `lightsail: ${operationType} failed: ${errorDetails ?? ''} (${errorCode})`);
}
