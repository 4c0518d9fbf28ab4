import type { Change, ResourceRecordSet, RRType } from '@aws-sdk/client-route-53';
import {
  asciiName,
  defineProvider,
  distinct,
  flag,
  ProviderError,
  pollUntil,
  quoteTxt,
  type TxtChanges,
  type TxtEditor,
  type TxtRecord,
  text,
  unquoteTxt,
  url,
  type Zone,
} from '../kit/index.ts';
import { awsClientSettings, awsEnv, awsPackage } from '../vendors/aws.ts';

interface HostedZone extends Zone {
  readonly id: string;
  /** How many requests it takes to list all of it. */
  readonly pages: number;
}

/** Where a list of record sets begins. */
interface Position {
  readonly name: string;
  readonly type: RRType | undefined;
  readonly identifier?: string | undefined;
}

/** Of a request; UPSERT counts twice: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html */
const MOST_RECORDS = 1000;
const MOST_CHARACTERS = 32_000;
/** Largest page of https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html. */
const PER_PAGE = 300;
/** Record sets of a zone, unless AWS was asked for more. */
const USUAL_LIMIT = 10_000;
const IN_SYNC_LIMIT_MS = 120_000;

export default defineProvider({
  id: 'route53',
  name: 'Amazon Route 53',
  website: 'https://aws.amazon.com/route53/',
  apiDocs: 'https://docs.aws.amazon.com/Route53/latest/APIReference/API_Operations_Amazon_Route_53.html',
  notes:
    'Credentials are taken from the two variables, else from a profile of the shared files (keys, roles, IAM Identity Center, ' +
    '`credential_process`), a web identity (IRSA), the ECS or EKS agent, or the EC2 instance. Their policy has to allow ' +
    '`route53:ListResourceRecordSets` and `route53:ChangeResourceRecordSets` for the hosted zone, `route53:GetChange` for ' +
    '`arn:aws:route53:::change/*`, and `route53:ListHostedZonesByName` unless `AWS_HOSTED_ZONE_ID` is set. Where optional ' +
    'packages were left out: `npm install @aws-sdk/client-route-53 @aws-sdk/credential-providers`.',
  env: {
    ...awsEnv,
    region: text(['AWS_REGION', 'AWS_DEFAULT_REGION'], 'Region; default: that of the profile, else us-east-1')
      .noFile()
      .optional(),
    zoneId: text('AWS_HOSTED_ZONE_ID', 'Hosted zone to use, whatever else the account has').optional(),
    isPrivate: flag('AWS_PRIVATE_ZONE', 'Use private hosted zones only, instead of public ones only').default(false),
    waits: flag('AWS_WAIT_FOR_RECORD_SETS_CHANGED', 'Wait until Route 53 says that all its servers have it').default(
      true,
    ),
    endpoint: url(['AWS_ENDPOINT_URL_ROUTE_53', 'AWS_ENDPOINT_URL'], 'Address of the API, if another')
      .noFile()
      .optional(),
  },
  tuning: { prefix: 'AWS', ttl: 10, propagationTimeout: 120, pollingInterval: 4 },

  async connect(context): Promise<TxtEditor<HostedZone>> {
    const { config, log, signal } = context;
    const sdk = await awsPackage('route53', '@aws-sdk/client-route-53', () => import('@aws-sdk/client-route-53'));
    const settings = await awsClientSettings(context, {
      who: 'route53',
      region: config.region,
      endpoint: config.endpoint,
    });
    const client = new sdk.Route53Client(settings);

    async function findZone(name: string): Promise<HostedZone | undefined> {
      const found = [];
      // The list begins at the name, or where it would be, and goes on through all zones behind it.
      let start: { DNSName: string; HostedZoneId?: string | undefined } = { DNSName: name };
      for (;;) {
        const page = await client.send(new sdk.ListHostedZonesByNameCommand({ ...start, MaxItems: 10 }));
        found.push(...(page.HostedZones ?? []).filter((zone) => nameOf(zone.Name) === name));
        if (!page.IsTruncated || page.NextDNSName === undefined || nameOf(page.NextDNSName) !== name) break;
        start = { DNSName: page.NextDNSName, HostedZoneId: page.NextHostedZoneId };
      }
      const [zone, ...others] = found.filter((each) => (each.Config?.PrivateZone ?? false) === config.isPrivate);
      if (others.length > 0) {
        const ids = [zone, ...others].map((each) => each?.Id?.replace('/hostedzone/', ''));
        throw new ProviderError('zone', `route53: ${ids.length} hosted zones are called ${name}: ${ids.join(', ')}`, {
          hint: 'say in AWS_HOSTED_ZONE_ID which one it is',
        });
      }
      return (
        zone && { name, id: zone.Id ?? '', pages: Math.ceil((zone.ResourceRecordSetCount ?? USUAL_LIMIT) / PER_PAGE) }
      );
    }

    /** The set at the apex comes first; `GetHostedZone`, which would tell the name, is an action that lego never needed. */
    async function givenZone(id: string): Promise<HostedZone> {
      const { sets, next } = await list(id);
      return { name: nameOf(sets[0]?.Name), id, pages: next ? USUAL_LIMIT / PER_PAGE : 1 };
    }

    /** The TXT sets at these names, and maybe others. Whatever takes fewer requests: five a second are all that an account has. */
    async function read({ id, pages }: HostedZone, names: readonly string[]): Promise<ResourceRecordSet[]> {
      const found: ResourceRecordSet[] = [];
      if (names.length <= pages) {
        for (const name of names) {
          const { sets } = await list(id, { name: `${name}.`, type: 'TXT' }, 1); // The next one, where there is none.
          found.push(...sets);
        }
      } else {
        let start: Position | undefined;
        do {
          const { sets, next } = await list(id, start);
          found.push(...sets);
          start = next;
        } while (start);
      }
      return found.filter(({ Type }) => Type === 'TXT');
    }

    async function list(HostedZoneId: string, start?: Position, MaxItems = PER_PAGE) {
      const page = await client.send(
        new sdk.ListResourceRecordSetsCommand({
          HostedZoneId,
          MaxItems,
          ...(start
            ? { StartRecordName: start.name, StartRecordType: start.type, StartRecordIdentifier: start.identifier }
            : {}),
        }),
      );
      const { ResourceRecordSets: sets = [], IsTruncated, NextRecordName: name, NextRecordType: type } = page;
      const next: Position | undefined =
        IsTruncated && name !== undefined ? { name, type, identifier: page.NextRecordIdentifier } : undefined;
      return { sets, next };
    }

    async function write({ id, name }: HostedZone, changes: readonly Change[], waits: boolean): Promise<void> {
      for (const Changes of inBatches(changes)) {
        const { ChangeInfo: info } = await client.send(
          new sdk.ChangeResourceRecordSetsCommand({ HostedZoneId: id, ChangeBatch: { Changes } }),
        );
        if (waits && info?.Id && info.Status !== 'INSYNC') await inSync(name, info.Id);
      }
    }

    async function inSync(zone: string, Id: string): Promise<void> {
      const begin = performance.now();
      const ask = async () => {
        const { ChangeInfo: info } = await client.send(new sdk.GetChangeCommand({ Id }));
        if (info?.Status === 'INSYNC') return true;
        return performance.now() - begin > IN_SYNC_LIMIT_MS ? false : undefined;
      };
      const what = `route53: the change of ${zone}`;
      const isDone = await pollUntil(ask, {
        what,
        signal: signal(),
        intervalMs: 2000,
        timeoutMs: 2 * IN_SYNC_LIMIT_MS,
      });
      if (!isDone) log.warn(`${what} is still pending after ${IN_SYNC_LIMIT_MS / 1000} s; the name servers will tell`);
    }

    return {
      ...(config.zoneId ? { listZones: async () => [await givenZone(config.zoneId ?? '')] } : { findZone }),

      async apply(zone, changes) {
        const { add, remove } = distinct(changes);
        const names = [...new Set([...add, ...remove].map(({ fqdn }) => fqdn))];
        const sets = await read(zone, names);
        const needed = names.flatMap((name) => {
          const at = ({ fqdn }: TxtRecord) => fqdn === name;
          const present = sets.filter((set) => nameOf(set.Name) === name);
          return changeOf(name, present, { add: add.filter(at), remove: remove.filter(at) });
        });
        // What is removed may linger, but what is added has to be everywhere.
        if (needed.length > 0) await write(zone, needed, config.waits && add.length > 0);
      },
    };
  },
});

/** Names come with a trailing dot, and with octal escapes for all but letters, digits, `-` and `_`. */
const nameOf = (name = '') =>
  asciiName(name.replace(/\\([0-7]{3})/gu, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));

/** What makes the values of one name right. What else the set holds, its TTL too, goes back as it came. */
function changeOf(name: string, sets: readonly ResourceRecordSet[], { add, remove }: TxtChanges): Change[] {
  const special = sets.find((set) => set.SetIdentifier !== undefined || set.AliasTarget !== undefined);
  if (special) {
    if (add.length === 0) return []; // None of ours can be there.
    const kind = special.AliasTarget ? 'an alias' : `a routing policy (${special.SetIdentifier})`;
    throw new ProviderError('api', `route53: the TXT record set at ${name} has ${kind}, and is left alone`, {
      hint: 'delete it, or let a CNAME at this name lead to another one',
    });
  }
  const set = sets[0];
  const before = set?.ResourceRecords ?? [];
  const kept = before.filter(({ Value = '' }) => !remove.some(({ value }) => value === unquoteTxt(Value)));
  const missing = add.filter(({ value }) => !kept.some(({ Value = '' }) => value === unquoteTxt(Value)));
  if (missing.length === 0 && kept.length === before.length) return [];
  const ResourceRecords = [...kept, ...missing.map(({ value }) => ({ Value: quoteTxt(value) }))];
  if (set && ResourceRecords.length === 0) return [{ Action: 'DELETE', ResourceRecordSet: set }];
  const base = set ?? { Name: `${name}.`, Type: 'TXT', TTL: missing[0]?.ttl };
  return [{ Action: 'UPSERT', ResourceRecordSet: { ...base, ResourceRecords } }];
}

/** As few requests as the limits allow. */
function inBatches(changes: readonly Change[]): Change[][] {
  const batches: Change[][] = [];
  let records = 0;
  let characters = 0;
  for (const change of changes) {
    const times = change.Action === 'UPSERT' ? 2 : 1;
    const values = (change.ResourceRecordSet?.ResourceRecords ?? []).map(({ Value = '' }) => Value);
    const counts = { records: times * values.length, characters: times * values.join('').length };
    records += counts.records;
    characters += counts.characters;
    const last = batches.at(-1);
    if (last && records <= MOST_RECORDS && characters <= MOST_CHARACTERS) {
      last.push(change);
    } else {
      batches.push([change]);
      ({ records, characters } = counts);
    }
  }
  return batches;
}
