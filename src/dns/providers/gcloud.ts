import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  allPages,
  asciiName,
  defineProvider,
  flag,
  type Problem,
  type ProviderContext,
  ProviderError,
  pollUntil,
  quoteTxt,
  recordSets,
  secret,
  text,
  unquoteTxt,
} from '../kit/index.ts';
import { googleAuth } from '../vendors/google-auth.ts';
import { readFile } from '../vendors/key-files.ts';

interface ManagedZone {
  name: string;
  dnsName: string;
  visibility?: string;
}
interface RrSet {
  name: string;
  type: string;
  ttl: number;
  rrdatas?: string[];
  routingPolicy?: object;
}
interface Change {
  id: string;
  status: string;
}
interface Row {
  value: string;
  /** As it came; new ones have none. */
  content?: string;
}

const env = {
  project: text('GCE_PROJECT', 'Project; default: that of the service account, or of this machine').optional(),
  serviceAccount: secret('GCE_SERVICE_ACCOUNT', 'Key of a service account: the JSON itself').optional(),
  applicationDefault: text(
    'GOOGLE_APPLICATION_CREDENTIALS',
    'File with credentials, where GCE_SERVICE_ACCOUNT is not set; default: what gcloud auth application-default login wrote',
  )
    .noFile()
    .optional(),
  configFolder: text('CLOUDSDK_CONFIG', 'Folder of the gcloud CLI, with application_default_credentials.json')
    .noFile()
    .optional(),
  impersonate: text('GCE_IMPERSONATE_SERVICE_ACCOUNT', 'Service account to act as: its e-mail address').optional(),
  zone: text('GCE_ZONE_ID', 'Managed zone to use, by name or id, instead of looking for one').optional(),
  allowPrivate: flag('GCE_ALLOW_PRIVATE_ZONE', 'Takes private zones too, for a private ACME server').default(false),
  debug: flag('GCE_DEBUG', 'Shows each change').default(false),
  metadataHost: text('GCE_METADATA_HOST', 'Host of the metadata server').default('metadata.google.internal'),
};

export default defineProvider({
  id: 'gcloud',
  name: 'Google Cloud',
  website: 'https://cloud.google.com/dns',
  apiDocs: 'https://cloud.google.com/dns/docs/reference/rest/v1',
  notes:
    'Create a service account with the role *DNS Administrator* (`roles/dns.admin`) and a JSON key for it, and let ' +
    '`GCE_SERVICE_ACCOUNT_FILE` name the key file. Without a key, application default credentials are used: a file (also of a ' +
    'workload identity pool), or the service account of the machine that quoin runs on. An account that may change one zone but ' +
    'not list all needs `GCE_ZONE_ID`; behind a proxy, the metadata server (`metadata.google.internal`) belongs into `NO_PROXY`.',
  env,
  tuning: { prefix: 'GCE', propagationTimeout: 180, pollingInterval: 5 },

  async connect(context) {
    const { config, log, rest, signal } = context;
    const auth = googleAuth(context, {
      file: credentialsOf(context),
      scope: 'https://www.googleapis.com/auth/ndev.clouddns.readwrite',
      impersonate: config.impersonate,
      metadataHost: config.metadataHost,
    });
    const project = config.project ?? (await auth.project());
    const api = rest({
      url: `https://dns.googleapis.com/dns/v1/projects/${encodeURIComponent(project)}/`,
      headers: auth.quotaProject ? { 'x-goog-user-project': auth.quotaProject } : {},
      sign: async () => ({ authorization: `Bearer ${await auth.token()}` }),
      problem: (body, status) => problemOf(body, status, project),
    });
    const pathOf = (zone: string) => `managedZones/${encodeURIComponent(zone)}`;
    /** The sets at the names of a change, between reading and writing: one is replaced only by naming all of it. */
    const known = new Map<string, RrSet>();
    /** The latest change of each zone that published something. */
    const unfinished = new Map<string, string>();

    const all = <T>(path: string, query: Record<string, string>, items: 'managedZones' | 'rrsets'): Promise<T[]> =>
      allPages(async ({ cursor: pageToken }) => {
        const page = await api.get<{ nextPageToken?: string } & Record<string, T[]>>(path, { ...query, pageToken });
        return { items: page[items], next: page.nextPageToken };
      });

    /** Several zones may have one name; private ones are seen from inside only. */
    function choose(zones: readonly ManagedZone[]) {
      const isPrivate = ({ visibility }: ManagedZone) => visibility === 'private';
      const open = zones.filter((zone) => !isPrivate(zone));
      const [zone, ...others] = open.length > 0 || !config.allowPrivate ? open : zones;
      if (zone && others.length > 0)
        log.warn(
          `gcloud: ${[zone, ...others].map(({ name }) => name).join(' and ')} are all zones of ${asciiName(zone.dnsName)}; ` +
            `taking ${zone.name}, another one with GCE_ZONE_ID`,
        );
      if (!zone && zones[0])
        log.warn(`gcloud: the zone ${zones[0].name} is private; GCE_ALLOW_PRIVATE_ZONE=true takes it all the same`);
      return zone && { name: asciiName(zone.dnsName), id: zone.name };
    }

    const only = config.zone;
    return recordSets({
      ...(only === undefined
        ? {
            async findZone(name: string) {
              const zones = await all<ManagedZone>('managedZones', { dnsName: `${name}.` }, 'managedZones');
              return choose(zones.filter(({ dnsName }) => asciiName(dnsName) === name));
            },
          }
        : {
            async listZones() {
              const zone = choose([await api.get<ManagedZone>(pathOf(only))]);
              return zone ? [zone] : [];
            },
          }),

      async read({ id }, fqdns) {
        const rows = await Promise.all(
          fqdns.map(async (fqdn) => {
            const query = { name: `${fqdn}.`, type: 'TXT' };
            const sets = await all<RrSet>(`${pathOf(id)}/rrsets`, query, 'rrsets');
            const set = sets.find(({ name, type }) => type === 'TXT' && asciiName(name) === fqdn);
            known.delete(`${id} ${fqdn}`);
            if (set?.routingPolicy)
              throw new ProviderError('api', `gcloud: the TXT records of ${fqdn} have a routing policy`);
            if (set) known.set(`${id} ${fqdn}`, set);
            return (set?.rrdatas ?? []).map((content) => ({ fqdn, value: unquoteTxt(content), content }));
          }),
        );
        return rows.flat();
      },
      toRow: ({ value }): Row => ({ value }),

      async write({ id, name }, sets) {
        const deletions = sets.flatMap(({ fqdn }) => {
          const set = known.get(`${id} ${fqdn}`);
          return set ? [{ name: set.name, type: 'TXT', ttl: set.ttl, rrdatas: set.rrdatas }] : [];
        });
        const additions = sets
          .filter(({ rows }) => rows.length > 0)
          .map(({ fqdn, ttl, rows }) => ({
            name: `${fqdn}.`,
            type: 'TXT',
            ttl: known.get(`${id} ${fqdn}`)?.ttl ?? ttl, // A set has one TTL: that of the others stays.
            rrdatas: rows.map(({ value, content }) => content ?? quoteTxt(value)),
          }));
        const body = {
          ...(deletions.length > 0 ? { deletions } : {}),
          ...(additions.length > 0 ? { additions } : {}),
        };
        if (config.debug) log.info(`gcloud: changing ${name}: ${JSON.stringify(body)}`);
        const change = await api.post<Change>(`${pathOf(id)}/changes`, body);
        const isAwaited = sets.some(({ rows }) => rows.some(({ content }) => content === undefined));
        if (isAwaited && change.status !== 'done') unfinished.set(id, change.id);
      },

      async commit({ id, name }) {
        const change = unfinished.get(id);
        if (change === undefined) return;
        await pollUntil(
          async () => ((await api.get<Change>(`${pathOf(id)}/changes/${change}`)).status === 'done' ? true : undefined),
          { what: `gcloud: change ${change} of ${name}`, signal: signal(), timeoutMs: 180_000 },
        );
        unfinished.delete(id);
      },
    });
  },
});

type Context = ProviderContext<{
  readonly serviceAccount: string | undefined;
  readonly applicationDefault: string | undefined;
  readonly configFolder: string | undefined;
}>;

/** https://cloud.google.com/docs/authentication/application-default-credentials: a variable, the CLI's file, the machine. */
function credentialsOf({ config, env: { APPDATA, HOME } }: Context): { json: string; from: string } | undefined {
  if (config.serviceAccount !== undefined) return { json: config.serviceAccount, from: 'GCE_SERVICE_ACCOUNT' };
  const variable = 'GOOGLE_APPLICATION_CREDENTIALS';
  if (config.applicationDefault !== undefined)
    return { json: readFile(`gcloud: ${variable}`, config.applicationDefault), from: variable };
  const folder =
    config.configFolder ?? (APPDATA ? join(APPDATA, 'gcloud') : join(HOME ?? homedir(), '.config', 'gcloud'));
  const path = join(folder, 'application_default_credentials.json');
  try {
    return { json: readFile('gcloud: the gcloud CLI', path), from: path };
  } catch {
    return undefined;
  }
}

interface Failure {
  error?: { message?: string; errors?: { reason?: string }[] };
}

/** https://cloud.google.com/apis/design/errors, with the list of `errors` and their reasons that older APIs have beside it. */
function problemOf(body: Failure | undefined, status: number, project: string): Problem | undefined {
  const message = body?.error?.message;
  if (status < 400 || message === undefined) return undefined;
  const reason = body?.error?.errors?.[0]?.reason ?? '';
  const limits = ['rateLimitExceeded', 'userRateLimitExceeded'].includes(reason);
  // Somebody else has changed the set since it was read: it is read again before the next try.
  const isOutdated = status === 409 || status === 412 || (status === 404 && message.includes('entity.change'));
  if (limits || isOutdated) return { message, fault: 'rate' };
  if (status === 404 && message.includes('parameters.project'))
    return { message, fault: 'api', hint: 'check GCE_PROJECT' };
  if (status === 403)
    return { message, hint: `the account needs the role DNS Administrator in the project ${project}` };
  return { message };
}
