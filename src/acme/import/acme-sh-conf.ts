/** `Le_ReloadCmd='__ACME_BASE64__START_...__ACME_BASE64__END_'` */
const WRAPPED = /^__ACME_BASE64__START_(.*)__ACME_BASE64__END_$/su;

/**
 * Reads a file of acme.sh's: assignments for a shell, which acme.sh writes in single quotes. Nothing is run or expanded.
 * The last assignment counts; an empty one means that there is no value.
 */
export function parseShellConf(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n').map((one) => one.trim())) {
    const [before, name] = /^(?:export\s+)?([A-Za-z_]\w*)=/u.exec(line) ?? [];
    if (name === undefined) continue;
    const value = unwrap(unquote(line.slice(before?.length)));
    if (value === '') values.delete(name);
    else values.set(name, value);
  }
  return values;
}

function unquote(text: string): string {
  const [quote] = text;
  return (quote === "'" || quote === '"') && text.length > 1 && text.endsWith(quote) ? text.slice(1, -1) : text;
}

function unwrap(text: string): string {
  const [, wrapped] = WRAPPED.exec(text) ?? [];
  return wrapped === undefined ? text : Buffer.from(wrapped, 'base64').toString('utf8');
}
