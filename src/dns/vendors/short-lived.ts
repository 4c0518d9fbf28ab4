/** What a vendor hands out in exchange for credentials. */
export interface ShortLived {
  readonly token: string;
  /** How long it works from now on. */
  readonly seconds: number;
}

/** Renewed so much earlier: a request takes time. */
const MARGIN_SECONDS = 60;

/** A token that is asked for when it is first needed, once for all requests under way, and again before it runs out. */
export function shortLived(ask: () => Promise<ShortLived>): () => Promise<string> {
  let latest: Promise<{ readonly token: string; readonly until: number }> | undefined;

  function renew() {
    const asked = ask().then(({ token, seconds }) => ({
      token,
      until: Date.now() + (seconds - MARGIN_SECONDS) * 1000,
    }));
    latest = asked;
    asked.catch(() => {
      latest = undefined;
    });
    return asked;
  }
  return async () => {
    const before = latest ?? renew();
    const { token, until } = await before;
    if (Date.now() < until) return token;
    return (await (latest === before ? renew() : (latest ?? renew()))).token;
  };
}
