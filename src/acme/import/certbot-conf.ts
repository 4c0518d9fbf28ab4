/** A file of certbot's `renewal/`, by section; `''` holds what stands before the first. */
export type RenewalConf = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * Reads what ConfigObj writes: `key = value`, `[section]`, `[[subsection]]`, values in quotes where they hold `#`, `,` or
 * leading spaces. Lists stay as they are written. `None` and nothing mean that there is no value.
 */
export function parseRenewalConf(text: string): RenewalConf {
  const sections = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  sections.set('', current);
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line.startsWith('[')) {
      const name = beforeComment(line).replaceAll(/[[\]]/gu, '').trim();
      current = sections.get(name) ?? new Map<string, string>();
      sections.set(name, current);
      continue;
    }
    const at = line.indexOf('=');
    if (at < 1 || line.startsWith('#')) continue;
    const value = unquote(line.slice(at + 1).trim());
    if (value !== '' && value !== 'None') current.set(line.slice(0, at).trim(), value);
  }
  return sections;
}

const beforeComment = (text: string): string =>
  text.includes('#') ? text.slice(0, text.indexOf('#')).trimEnd() : text;

function unquote(text: string): string {
  const quoted = /^(?:"""(.*?)"""|'''(.*?)'''|"([^"]*)"|'([^']*)')/u.exec(text);
  return quoted?.slice(1).find((part) => part !== undefined) ?? beforeComment(text);
}

/** Whole days of `30 days`, `4 weeks` or `30`, as `renew_before_expiry` has them; undefined where it is something else. */
export function daysOf(interval: string | undefined): number | undefined {
  const [, count, unit = 'day'] = /^\s*(\d+)\s*(day|week)?s?\s*$/iu.exec(interval ?? '') ?? [];
  return count === undefined ? undefined : Number(count) * (unit.toLowerCase() === 'week' ? 7 : 1);
}
