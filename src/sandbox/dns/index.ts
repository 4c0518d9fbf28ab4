import { type Message, type ResourceRecord, type TsigKey, txtOf } from '../../dns/wire/index.ts';
import type { Log } from '../../log.ts';
import { answerQuestion } from './answer.ts';
import { headerOnly, type Reply, respond } from './respond.ts';
import { type Handler, listen } from './sockets.ts';
import { applyUpdate } from './update.ts';
import { newZone, type Zone } from './zone.ts';

export interface DnsServerOptions {
  /** 0: any free one. UDP and TCP on the same port of 127.0.0.1. */
  readonly port: number;
  /** Lower case, no trailing dot. */
  readonly zones: readonly string[];
  /** For updates. */
  readonly tsigKey: TsigKey;
  /** An update is shown this much later, as by a slow secondary. */
  readonly propagationMs?: number | undefined;
  readonly log: Log;
}

export interface DnsServer {
  readonly address: string;
  readonly port: number;
  readonly tsigKey: TsigKey;
  close(): Promise<void>;
}

const ADDRESS = '127.0.0.1';
const SERVFAIL = 2;

/**
 * An authoritative server for test zones, with DNS UPDATE signed by one TSIG key. It keeps its records in memory: every
 * start begins with SOA, NS and the name server's address.
 */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { tsigKey, propagationMs = 0, log } = options;
  // Seconds since 1970 at first, so that a restart never goes back.
  const serial = Math.floor(Date.now() / 1000);
  const primary = new Map(options.zones.map((name) => [name, newZone(name, ADDRESS, serial)]));
  /** What questions are answered from: the primary's, or what a lagging secondary has of it. */
  const served = new Map(primary);
  const lagging = new Set<NodeJS.Timeout>();

  function publish(zone: Zone): void {
    primary.set(zone.name, zone);
    if (propagationMs <= 0) {
      served.set(zone.name, zone);
      return;
    }
    const timer = setTimeout(() => {
      lagging.delete(timer);
      served.set(zone.name, zone);
      log.debug(`dns: ${zone.name}: what was changed ${propagationMs / 1000} s ago is shown now`);
    }, propagationMs);
    lagging.add(timer);
  }

  function update(request: Message): Reply {
    const [section, ...more] = request.questions;
    if (!section || more.length > 0 || section.type !== 'SOA') return { rcode: 'FORMERR' };
    const zone = section.class === 'IN' ? primary.get(section.name) : undefined;
    if (!zone) return { rcode: 'NOTAUTH' };
    const result = applyUpdate(zone, request);
    if (result.rcode === 'NOERROR') for (const change of request.authorities) log.info(`dns: ${describe(change)}`);
    if (result.zone !== zone) publish(result.zone);
    return { rcode: result.rcode };
  }

  const responder = {
    keys: [tsigKey],
    update,
    query({ questions: [question] }: Message): Reply {
      return question ? answerQuestion([...served.values()], question) : { rcode: 'FORMERR' };
    },
    onAnswer({ opcode, questions: [asked] }: Message, rcode: string, over: string): void {
      log.debug(`dns: ${opcode} ${asked?.name ?? ''} ${asked?.type ?? ''} over ${over}: ${rcode}`);
    },
  };
  const handle: Handler = (request, over) => {
    try {
      return respond(request, over, responder);
    } catch (error) {
      // One question must not end the server for all others.
      log.warn(`dns: a question could not be answered: ${(error as Error).stack ?? error}`);
      return headerOnly(request, SERVFAIL);
    }
  };

  const listening = await listen(ADDRESS, options.port, handle);
  return {
    address: ADDRESS,
    port: listening.port,
    tsigKey,
    async close() {
      for (const timer of lagging) clearTimeout(timer);
      await listening.close();
    },
  };
}

/** `added _acme-challenge.example.test TXT "..."`, for people. */
function describe(change: ResourceRecord): string {
  const { name, type, class: how } = change;
  if (how === 'ANY') return `removed ${type === 'ANY' ? 'all' : `all ${type}`} of ${name}`;
  return `${how === 'IN' ? 'added' : 'removed'} ${name} ${type}${type === 'TXT' ? ` ${JSON.stringify(txtOf(change))}` : ''}`;
}
