import { type Message, nameOf, type Question, type ResourceRecord } from '../../dns/wire/index.ts';
import { isWithin, parentOf } from './names.ts';
import { exists, recordsAt, soaFields, soaRecord, toRecords, type Zone } from './zone.ts';

export type Answer = Pick<Message, 'rcode' | 'authoritative' | 'answers' | 'authorities' | 'additionals'>;

/** As far as CNAMEs are followed; more is a circle, or as good as one. */
const MAX_CNAMES = 16;
/** Zone transfers (RFC 5936, RFC 1995) and what RFC 1035 section 3.2.3 has besides: for nobody here. */
const REFUSED_TYPES = new Set(['AXFR', 'TYPE251', 'TYPE253', 'TYPE254', 'OPT', 'TSIG', 'TYPE249']);

const empty: Answer = { rcode: 'NOERROR', authoritative: true, answers: [], authorities: [], additionals: [] };
export const refused: Answer = { ...empty, rcode: 'REFUSED', authoritative: false };

/** The deepest of the zones that holds a name. */
export const zoneFor = (zones: Iterable<Zone>, name: string): Zone | undefined =>
  [...zones].filter((zone) => isWithin(name, zone.name)).sort((a, b) => b.name.length - a.name.length)[0];

/** Answers a question from the zones with authority, as RFC 1034 section 4.3.2 has it, without recursion. */
export function answerQuestion(zones: readonly Zone[], { name, type, class: asked }: Question): Answer {
  if ((asked !== 'IN' && asked !== 'ANY') || REFUSED_TYPES.has(type)) return refused;
  const answers: ResourceRecord[] = [];
  const seen = new Set<string>();
  for (let at = name; ; ) {
    seen.add(at);
    const zone = zoneFor(zones, at);
    // A CNAME that leads away: the client, or its resolver, goes on from there.
    if (!zone) return answers.length > 0 ? { ...empty, answers } : refused;
    const found = findIn(zone, at, type);
    answers.push(...(found.answers ?? []));
    const last = found.answers?.at(-1);
    const target = last?.type === 'CNAME' && type !== 'CNAME' && type !== 'ANY' ? nameOf(last) : undefined;
    if (target === undefined) return { ...empty, ...found, answers };
    if (seen.has(target) || seen.size > MAX_CNAMES) return { ...empty, answers };
    at = target;
  }
}

/** One step: an answer, a CNAME, a referral, or that there is nothing. */
function findIn(zone: Zone, name: string, type: string): Partial<Answer> {
  const cut = delegationOf(zone, name);
  if (cut !== undefined) return referral(zone, cut);
  const owner = exists(zone, name) ? name : wildcardFor(zone, name);
  if (owner === undefined || (owner !== name && !exists(zone, owner))) {
    return { rcode: 'NXDOMAIN', authorities: [negativeSoa(zone)] };
  }
  const node = zone.nodes.get(owner);
  const sets =
    type === 'ANY'
      ? [...(node ?? [])]
      : [...(node ?? [])].filter(([has]) => has === type || (has === 'CNAME' && type !== 'CNAME'));
  const answers = sets.flatMap(([has, set]) => toRecords(name, has, set));
  return answers.length > 0 ? { answers } : { authorities: [negativeSoa(zone)] };
}

/** The highest name below the apex, on the way to the name, whose NS records give it away (RFC 1034 section 4.2.1). */
function delegationOf(zone: Zone, name: string): string | undefined {
  let cut: string | undefined;
  for (let at = name; at !== zone.name; at = parentOf(at)) if (zone.nodes.get(at)?.has('NS')) cut = at;
  return cut;
}

function referral(zone: Zone, cut: string): Partial<Answer> {
  const authorities = recordsAt(zone, cut, 'NS');
  const additionals = authorities.flatMap((record) => {
    const server = nameOf(record);
    return [...recordsAt(zone, server, 'A'), ...recordsAt(zone, server, 'AAAA')];
  });
  return { authoritative: false, authorities, additionals };
}

/** `*` at the closest encloser: the longest existing ancestor (RFC 4592 section 3.3.1). */
function wildcardFor(zone: Zone, name: string): string {
  let encloser = parentOf(name);
  while (!exists(zone, encloser)) encloser = parentOf(encloser);
  return `*.${encloser}`;
}

/** What tells a resolver how long it may remember that there is nothing (RFC 2308 section 3). */
function negativeSoa(zone: Zone): ResourceRecord {
  const soa = soaRecord(zone);
  return { ...soa, ttl: Math.min(soa.ttl, soaFields(zone).minimum) };
}
