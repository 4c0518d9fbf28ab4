import { ConfigError } from '../errors.ts';
import { aliases } from './catalog.generated.ts';
import { asciiName } from './kit/names.ts';

/** A DNS provider, the account to use there, and the names it is meant for. */
export interface Assignment {
  /** As `resolveProvider` takes it: `cloudflare`, `npm:my-dns`, `./my-dns.js`. */
  readonly code: string;
  /** Variables are looked for with this and `_` in front first: `ORG`. Upper case. */
  readonly prefix?: string | undefined;
  /** The assignment is for this domain and all below it; undefined: for all names that no other one is for. */
  readonly domain?: string | undefined;
  /** `cloudflare@ORG`: what the journal, messages and documents call it. Typed again, it means the same. */
  readonly label: string;
}

/** What has to be written, and where. */
export interface Place {
  /** As in the certificate: `*.example.com`. */
  readonly identifier: string;
  /** The end of the CNAMEs of its challenge name, where that is known. */
  readonly fqdn?: string | undefined;
}

const PREFIX = /^[a-z](?:\w*[a-z0-9])?$/iu;
/** Code from elsewhere: a path, or a package. */
const FOREIGN = /^(?:\.{0,2}[/\\]|[a-z]:[/\\]|npm:)/iu;
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?$/u;

/**
 * Reads what is typed after `--dns`: `[DOMAIN=]PROVIDER[@PREFIX]`.
 *
 * What stands before the first `=` is a domain, unless there is a `/`, `\`, `:` or `@` in it: those belong to a path or a package
 * whose name holds a `=`. What stands behind the last `@` is a prefix when it could begin the name of a variable: of
 * `npm:@scope/dns`, `./my@dns.js` and `./dns.js@ORG` only the last one has a prefix.
 * @throws ConfigError for what makes no sense, and for two that are meant for the same names
 */
export function parseAssignments(texts: readonly string[]): readonly Assignment[] {
  const all = texts.map(parseAssignment);
  if (all.length === 0)
    throw new ConfigError('no DNS provider was given', { hint: 'name one with --dns; quoin dnshelp lists them' });
  for (const [index, one] of all.entries()) {
    const other = all.slice(0, index).find(({ domain }) => domain === one.domain);
    if (!other) continue;
    const what = one.domain === undefined ? 'all names' : one.domain;
    throw new ConfigError(`two DNS providers are meant for ${what}: ${other.label} and ${one.label}`, {
      hint: 'say which names each is for: --dns cloudflare --dns example.org=route53',
    });
  }
  return all;
}

function parseAssignment(text: string): Assignment {
  const trimmed = text.trim();
  const [, before, after] = /^([^=/\\:@]*)=(.*)$/su.exec(trimmed) ?? [];
  const domain = before === undefined ? undefined : parseDomain(before, trimmed);
  const target = after === undefined ? trimmed : after.trim();
  const refuse = (why: string): never => {
    throw new ConfigError(`--dns ${trimmed || "''"}: ${why}`, { hint: EXPECTED });
  };
  if (target === '') refuse('there is no provider');
  const at = target.lastIndexOf('@');
  const suffix = at < 0 ? undefined : target.slice(at + 1);
  const isForeign = FOREIGN.test(target);
  const hasPrefix = suffix !== undefined && PREFIX.test(suffix);
  // `npm:@scope` is no package, so there is nothing that a prefix could belong to.
  if (suffix !== undefined && !hasPrefix && !isForeign)
    refuse(`${suffix === '' ? 'nothing' : suffix} cannot begin the name of a variable`);
  const named = hasPrefix ? target.slice(0, at) : target;
  if (named === '' || named === 'npm:') refuse('there is no provider');
  const code = isForeign ? named : canonical(named);
  const prefix = hasPrefix ? suffix.toUpperCase() : undefined;
  return {
    code,
    label: prefix === undefined ? code : `${code}@${prefix}`,
    ...(prefix === undefined ? {} : { prefix }),
    ...(domain === undefined ? {} : { domain }),
  };
}

const EXPECTED = 'what is expected: cloudflare, example.org=cloudflare, example.org=cloudflare@ORG';

/** So that the journal has one name for a provider with several. */
function canonical(code: string): string {
  const id = code.toLowerCase();
  return (Object.hasOwn(aliases, id) ? aliases[id] : undefined) ?? id;
}

function parseDomain(given: string, text: string): string {
  const domain = asciiName(given);
  if (domain.startsWith('*.')) {
    throw new ConfigError(`--dns ${text}: a domain stands for all names below it`, {
      hint: `leave *. out: --dns ${text.replace('*.', '')}`,
    });
  }
  const labels = domain.split('.');
  if (domain.length > 253 || !labels.every((label) => label.length <= 63 && LABEL.test(label)))
    throw new ConfigError(`--dns ${text}: ${given || 'nothing'} is not a domain`, { hint: EXPECTED });
  return domain;
}

/**
 * The provider for a name: whose domain is the longest that holds the name where the record is written, else the identifier, else
 * the one for all names.
 */
export function findAssignment(
  assignments: readonly Assignment[],
  { identifier, fqdn }: Place,
): Assignment | undefined {
  return (
    closest(assignments, fqdn) ??
    closest(assignments, identifier.replace(/^\*\./u, '')) ??
    assignments.find(({ domain }) => domain === undefined)
  );
}

/** @throws ConfigError that names the identifier when there is none */
export function assignmentFor(assignments: readonly Assignment[], place: Place): Assignment {
  const found = findAssignment(assignments, place);
  if (found) return found;
  const { identifier, fqdn } = place;
  const bare = identifier.replace(/^\*\./u, '');
  const where = fqdn === undefined || fqdn === `_acme-challenge.${bare}` ? '' : ` (whose challenge leads to ${fqdn})`;
  throw new ConfigError(`none of the DNS providers is meant for ${identifier}${where}`, {
    hint: `add --dns ${fqdn === undefined || where === '' ? bare : fqdn}=PROVIDER, or --dns PROVIDER for all other names`,
  });
}

function closest(assignments: readonly Assignment[], name: string | undefined): Assignment | undefined {
  if (name === undefined) return undefined;
  const holds = ({ domain }: Assignment) => domain !== undefined && (name === domain || name.endsWith(`.${domain}`));
  return assignments.filter(holds).sort((a, b) => (b.domain?.length ?? 0) - (a.domain?.length ?? 0))[0];
}
