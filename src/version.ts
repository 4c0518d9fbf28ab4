declare const QUOIN_VERSION: string | undefined;

/** Set at build time from package.json; `dev` when the sources run unbuilt, as in tests. */
export const version: string = typeof QUOIN_VERSION === 'string' ? QUOIN_VERSION : 'dev';
export const userAgent = `quoin/${version} (+https://www.npmjs.com/package/quoin)`;
