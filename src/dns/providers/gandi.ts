import {
  allPages,
  defineProvider,
  type Problem,
  type ProviderContext,
  ProviderError,
  recordSets,
  secret,
  type TxtEditor,
  unquoteTxt,
  xmlParser,
  type Zone,
} from '../kit/index.ts';
import { isLive, isRefusal, liveDns } from '../vendors/gandi.ts';

export default defineProvider({
  id: 'gandi',
  name: 'Gandi',
  website: 'https://www.gandi.net',
  apiDocs: 'https://api.gandi.net/docs/livedns/',
  notes:
    'For environments from the time of the v4 API: `GANDI_API_KEY` is tried with LiveDNS, and with the v4 API where LiveDNS ' +
    'refuses it. Better use `gandiv5` with a personal access token. The v4 API changes zones by new versions; a domain that ' +
    'shares a public zone of Gandi gets a copy of it.',
  env: { key: secret('GANDI_API_KEY', 'API key') },
  tuning: {
    prefix: 'GANDI',
    ttl: 300,
    minTtl: 300,
    propagationTimeout: 2400,
    pollingInterval: 60,
    httpTimeout: 60,
  },

  async connect(context): Promise<TxtEditor> {
    const { key } = context.config;
    context.log.warn(
      'gandi: Gandi gives out no more keys for its v4 API, so GANDI_API_KEY is tried with LiveDNS first; ' +
        'better use --dns gandiv5 with GANDIV5_PERSONAL_ACCESS_TOKEN',
    );
    const live = liveDns(context.rest, [`Apikey ${key}`, `Bearer ${key}`]);
    const v4 = await v4Api(context, key);

    return {
      /** What is in one of the two cannot be seen in the other, and a key may open both. */
      async findZone(name) {
        try {
          const zone = await live.findZone?.(name);
          if (zone) return zone;
        } catch (error) {
          if (isRefusal(error)) return v4.findZone?.(name);
          if (!(error instanceof ProviderError) || error.fault !== 'missing') throw error;
        }
        return v4.findZone?.(name).catch((error: unknown) => {
          if (!isRefusal(error)) throw error;
          return undefined;
        });
      },
      apply: (zone, changes) => (isLive(zone) ? live.apply(zone, changes) : v4.apply(zone, changes)),
    };
  },
});

interface ZoneRecord {
  readonly id: string;
  readonly type: string;
  readonly name: string;
  /** Quoted. */
  readonly value: string;
}
interface Row {
  readonly value: string;
  /** As it is in the zone; absent for what is to be added. */
  readonly record?: ZoneRecord;
}

/**
 * https://doc.rpc.gandi.net/domain/reference.html and .../domain/faq.html: a zone has versions, of which the active one cannot
 * be changed; a new version begins as its copy.
 */
async function v4Api({ rest, hide, log }: ProviderContext<unknown>, key: string) {
  hide(escapeXml(key));
  const api = rest({
    url: 'https://rpc.gandi.net/xmlrpc/',
    parse: await xmlParser({ arrays: ['param', 'value', 'member'] }),
    problem(body) {
      const fault = body?.methodResponse?.fault;
      if (!fault) return undefined;
      const { faultCode, faultString } = decode(fault.value[0]) as { faultCode: number; faultString: string };
      const message = `${faultString} (${faultCode})`;
      return { message, fault: faultOf(message) };
    },
  });

  async function call<T>(method: string, ...parameters: Parameter[]): Promise<T> {
    const encoded = [key, ...parameters].map((value) => `<param>${encode(value)}</param>`).join('');
    const body = `<?xml version="1.0"?><methodCall><methodName>${method}</methodName><params>${encoded}</params></methodCall>`;
    const { methodResponse } = await api.post<{ methodResponse: { params: { param: { value: Element[] }[] } } }>(
      '',
      body,
      {
        headers: { 'content-type': 'text/xml' },
      },
    );
    return decode(methodResponse.params.param[0]?.value[0]) as T;
  }

  async function zoneIdOf(domain: string): Promise<number> {
    const { zone_id: id } = await call<{ zone_id: number | null }>('domain.info', domain);
    if (id) return id;
    throw new ProviderError('zone', `gandi: ${domain} has no zone in the v4 API`, {
      hint: 'if it is on LiveDNS, use --dns gandiv5 with GANDIV5_PERSONAL_ACCESS_TOKEN',
    });
  }

  /** A page holds 100 records; the first is page 0. */
  async function txtRecords(id: number, name: string): Promise<readonly ZoneRecord[]> {
    const records = await allPages<ZoneRecord>(
      async ({ page }) => {
        const filter = { type: 'TXT', name, page: page - 1 };
        return { items: await call('domain.zone.record.list', id, 0, filter), total: Number.POSITIVE_INFINITY };
      },
      (record) => record.id,
    );
    return records.filter((record) => record.type === 'TXT' && record.name.toLowerCase() === name);
  }

  /** Gandi's public zones belong to nobody who could change them. */
  async function ownZone(domain: string, id: number): Promise<number> {
    if (!(await call<{ public?: boolean }>('domain.zone.info', id)).public) return id;
    const copy = await call<{ id: number }>('domain.zone.clone', id, 0, { name: domain });
    await call('domain.zone.set', domain, copy.id);
    log.warn(`gandi: ${domain} used a public zone of Gandi, which cannot be changed; it uses a copy from now on`);
    return copy.id;
  }

  return recordSets<Zone, Row>({
    async findZone(name) {
      await call('domain.info', name);
      return { name };
    },
    async read({ name: domain }, fqdns) {
      const id = await zoneIdOf(domain);
      const rows: (Row & { fqdn: string })[] = [];
      for (const fqdn of fqdns) {
        const records = await txtRecords(id, fqdn === domain ? '@' : fqdn.slice(0, -domain.length - 1));
        rows.push(...records.map((record) => ({ fqdn, value: unquoteTxt(record.value), record })));
      }
      return rows;
    },
    toRow: ({ value }) => ({ value }),
    async write({ name: domain }, sets) {
      const id = await ownZone(domain, await zoneIdOf(domain));
      const version = await call<number>('domain.zone.version.new', id);
      try {
        for (const { name, rows, ttl } of sets) {
          const kept = new Set(rows.map(({ record }) => record?.value));
          // By content: the records of a new version have ids of their own.
          for (const { type, value } of (await txtRecords(id, name)).filter((record) => !kept.has(record.value)))
            await call('domain.zone.record.delete', id, version, { type, name, value });
          for (const { value } of rows.filter(({ record }) => !record))
            await call('domain.zone.record.add', id, version, { type: 'TXT', name, value, ttl });
        }
        if (!(await call<boolean>('domain.zone.version.set', id, version)))
          throw new ProviderError('api', `gandi: version ${version} of the zone of ${domain} did not become active`);
      } catch (error) {
        // Of no use any more; should it have become active after all, Gandi keeps it.
        await call('domain.zone.version.delete', id, version).catch(() => {});
        throw error;
      }
    },
  });
}

/** Faults carry a name of what they are about and a cause; for a key that cannot be one, only its pattern tells. */
const faultOf = (message: string): Problem['fault'] =>
  /OBJECT_ACCOUNT \(CAUSE_NORIGHT\)|invalid api key|\{24\}|\(510150\)$/iu.test(message)
    ? 'auth'
    : /CAUSE_NOTFOUND|OBJECT_(?:DOMAIN|FQDN) \(CAUSE_(?:BADPARAMETER|NORIGHT)\)/u.test(message)
      ? 'missing'
      : 'api';

/** http://xmlrpc.com/spec.md, as far as it is needed here. */
type Parameter = string | number | Readonly<Record<string, string | number>>;
type Element =
  | string
  | {
      readonly int?: string;
      readonly i4?: string;
      readonly boolean?: string;
      readonly string?: string;
      readonly struct?: { readonly member?: readonly { readonly name: string; readonly value: readonly Element[] }[] };
      readonly array?: { readonly data?: { readonly value?: readonly Element[] } };
    };

const escapeXml = (text: string) => text.replace(/[<>&]/gu, (c) => `&#${c.charCodeAt(0)};`);

function encode(value: Parameter): string {
  if (typeof value === 'number') return `<value><int>${value}</int></value>`;
  if (typeof value === 'string') return `<value><string>${escapeXml(value)}</string></value>`;
  const members = Object.entries(value).map(
    ([name, member]) => `<member><name>${name}</name>${encode(member)}</member>`,
  );
  return `<value><struct>${members.join('')}</struct></value>`;
}

function decode(element: Element | undefined): unknown {
  if (element === undefined || typeof element === 'string') return element;
  const { int, i4 = int, boolean, string, struct, array } = element;
  if (i4 !== undefined) return Number(i4);
  if (boolean !== undefined) return /^(?:1|true)$/u.test(boolean);
  if (array !== undefined) return (array.data?.value ?? []).map(decode);
  if (struct === undefined) return string;
  return Object.fromEntries((struct.member ?? []).map(({ name, value }) => [name, decode(value[0])]));
}
