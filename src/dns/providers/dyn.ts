import {
  type Answer,
  changeSets,
  defineProvider,
  type Problem,
  pollUntil,
  secret,
  text,
  unlessMissing,
  unquoteTxt,
  type Zone,
} from '../kit/index.ts';
import { loggedIn } from '../vendors/logged-in.ts';

interface Reply<T> {
  status: string;
  data: T;
  job_id: number;
}
interface TxtResource {
  rdata: { txtdata: string };
}
interface Failure {
  status?: string;
  data?: { token?: unknown } | null;
  msgs?: { INFO?: string; ERR_CD?: string | null; LVL?: string }[];
}

/** https://help.dyn.com/managed-dns-api-error-codes: a job is asked for no more than once in five seconds. */
const JOB_INTERVAL_MS = 5000;
const JOB_TIMEOUT_MS = 180_000;

export default defineProvider({
  id: 'dyn',
  name: 'Dyn',
  website: 'https://dyn.com/',
  apiDocs: 'https://help.dyn.com/rest/',
  notes:
    'Make an API user with the permissions *RecordAdd*, *RecordDelete*, *RecordGet*, *ZoneGet*, *ZoneAddNode*, *ZoneRemoveNode* and ' +
    '*ZonePublish*. Oracle announced the end of Dyn Managed DNS for 31 May 2023; its successor is OCI DNS (`oraclecloud`).',
  env: {
    customer: text('DYN_CUSTOMER_NAME', 'Customer name'),
    user: text('DYN_USER_NAME', 'User name'),
    password: secret('DYN_PASSWORD', 'Password of the user'),
  },
  tuning: { prefix: 'DYN', httpTimeout: 10 },

  connect({ config, rest, hide, signal }) {
    const api = rest({
      url: 'https://api.dynect.net/REST/',
      headers: { 'content-type': 'application/json' }, // On every request, also on those without a body.
      problem(body: Failure | undefined, status) {
        if (typeof body?.data?.token === 'string') hide(body.data.token); // Before the answer is logged.
        return problemOf(body, status);
      },
    });

    /** Only one job can run in a session, so requests wait for each other. */
    let last: Promise<unknown> = Promise.resolve();
    function inTurn<T>(job: () => Promise<T>): Promise<T> {
      const turn = last.then(job);
      last = turn.catch(() => {});
      return turn;
    }

    /** What takes longer than five seconds is answered with the address of a job: https://help.dyn.com/get-job/ */
    const send = <T>(token: string, method: string, path: string, body?: object): Promise<T | undefined> =>
      inTurn(async () => {
        const headers = { 'auth-token': token };
        const answer = await api.request<Reply<T> | undefined>(method, path, { headers, body });
        if (!isRunning(answer)) return answer.body?.data;
        const id = /\/(\d+)\/?$/u.exec(answer.headers.location ?? '')?.[1] ?? answer.body?.job_id;
        const job = await pollUntil(
          async () => {
            const asked = await api.request<Reply<T> | undefined>('GET', `Job/${id}/`, { headers });
            return isRunning(asked) ? undefined : asked;
          },
          { what: `dyn: ${method} ${path}`, signal: signal(), intervalMs: JOB_INTERVAL_MS, timeoutMs: JOB_TIMEOUT_MS },
        );
        return job.body?.data;
      });

    const session = loggedIn({
      async login() {
        const { customer: customer_name, user: user_name, password } = config;
        const { data } = await api.post<Reply<{ token: string }>>('Session/', { customer_name, user_name, password });
        return data.token;
      },
      logout: (token) => send(token, 'DELETE', 'Session/'),
    });

    /** Zones with changes that are not published, each with its session: they are lost with it. */
    const changed = new Set<string>();

    const within = (token: string) =>
      changeSets({
        async read({ name: zone }: Zone, fqdns) {
          const found: { fqdn: string; value: string; id: string }[] = [];
          for (const fqdn of fqdns) {
            const node = `TXTRecord/${zone}/${fqdn}/`;
            for (const uri of (await send<string[]>(token, 'GET', node).catch(unlessMissing)) ?? []) {
              const id = uri.replace(/\/$/u, '').split('/').at(-1) ?? '';
              const record = await send<TxtResource>(token, 'GET', `${node}${id}/`).catch(unlessMissing);
              if (record) found.push({ fqdn, id, value: unquoteTxt(record.rdata.txtdata) });
            }
          }
          return found;
        },
        async write({ name: zone }, { add, remove }) {
          changed.add(`${token} ${zone}`);
          for (const { fqdn, value, ttl } of add)
            await send(token, 'POST', `TXTRecord/${zone}/${fqdn}/`, { rdata: { txtdata: value }, ttl: String(ttl) });
          for (const { fqdn, id } of remove)
            await send(token, 'DELETE', `TXTRecord/${zone}/${fqdn}/${id}/`).catch(unlessMissing);
        },
        async commit({ name: zone }) {
          if (!changed.has(`${token} ${zone}`)) return;
          await send(token, 'PUT', `Zone/${zone}/`, { publish: true });
          changed.delete(`${token} ${zone}`);
        },
      });

    return {
      async findZone(name: string) {
        await session.use((token) => send(token, 'GET', `Zone/${name}/`));
        return { name };
      },
      async apply(zone, changes) {
        try {
          // As a whole: a session that has run out takes its changes with it.
          await session.use((token) => within(token).apply(zone, changes));
        } catch (error) {
          await session.close().catch(() => {}); // The next try should find nothing but what is published.
          throw error;
        }
      },
      close: () => session.close(),
    };
  },
});

const isRunning = ({ status, body }: Pick<Answer<Reply<unknown> | undefined>, 'status' | 'body'>): boolean =>
  status === 307 || body?.status === 'incomplete';

/** Failures come with several messages and with any HTTP status, a wrong password with 400. */
function problemOf(body: Failure | undefined, status: number): Problem | null | undefined {
  if (status === 307 || body?.status === 'incomplete') return null;
  if (body?.status === undefined || body.status === 'success') return undefined;
  const { msgs = [] } = body;
  const codes = msgs.map(({ ERR_CD }) => ERR_CD);
  const said = msgs.map(({ INFO }) => INFO ?? '');
  if (codes.includes('TARGET_EXISTS')) return null;
  const message = `${said.join('; ') || 'no reason given'} (${codes.find(Boolean) ?? body.status})`;
  if (said.some((info) => /already has a job running|blocked by current task/u.test(info)))
    return { message, fault: 'rate' };
  if (codes.includes('RATE_LIMIT_EXCEEDED')) return { message, fault: 'rate' };
  if (codes.includes('PERMISSION_DENIED')) return { message, fault: 'auth', hint: 'check the permissions of the user' };
  if (said.some((info) => /^login:|Auth-Token/u.test(info)))
    return { message, fault: 'auth', hint: 'check DYN_CUSTOMER_NAME, DYN_USER_NAME and DYN_PASSWORD' };
  return codes.includes('NOT_FOUND') ? { message, fault: 'missing' } : { message };
}
