import { readFileSync } from 'node:fs';
import type { OnLoadArgs, OnResolveArgs, Plugin } from 'esbuild';

/** Whole files of a library, by path, and what stands in their place. */
const files: readonly (readonly [RegExp, string])[] = [
  // Its requests are made by our transport, and node-forge is behind an interface that acme-client calls outdated.
  [/[/\\]acme-client[/\\]src[/\\](?:axios|verify|crypto[/\\]forge)\.js$/, 'module.exports = {};'],
  // It would load `debug`; our own log tells of every request.
  [/[/\\]acme-client[/\\]src[/\\]logger\.js$/, 'exports.log = () => {}; exports.setLogger = () => {};'],
];

/** What a library imports for functions that are never called here: importer, imported, and what it gets instead. */
const imports: readonly (readonly [RegExp, RegExp, string])[] = [
  [
    // Of its crypto module only the JWK of a key is used. src/acme/csr.ts loads @peculiar/x509 when a CSR is made.
    /[/\\]acme-client[/\\]src[/\\]/,
    /^(?:asn1js|@peculiar\/x509)$/,
    'module.exports = { cryptoProvider: { set() {} } };',
  ],
  [
    // HTTP/2 and caches of responses are options that are off. Loading node:http2 alone takes 9 ms.
    /[/\\]got[/\\]dist[/\\]/,
    /^(?:http2-wrapper|cacheable-request)$/,
    'export default {}; export class CacheError extends Error {}',
  ],
];

/** Formatters for error messages that nobody sees; making one reads ICU's data for 15 ms. */
const formatter = /^const (\w+) = (new Intl\.ListFormat\(.*\));$/gm;

/**
 * Keeps out of the bundle what libraries load and no run of Quoin uses: that takes longer than all of Quoin's own code
 * (docs/decisions/0001-bundled-libraries.md).
 */
export const leftOut: Plugin = {
  name: 'left-out',
  setup({ onLoad, onResolve }) {
    for (const [filter, contents] of files) onLoad({ filter }, () => ({ contents }));
    for (const [importer, filter, contents] of imports) {
      const namespace = `instead-for-${filter.source}`;
      onResolve({ filter }, ({ path, importer: from }: OnResolveArgs) =>
        importer.test(from) ? { path, namespace } : undefined,
      );
      onLoad({ filter: /./, namespace }, () => ({ contents }));
    }
    onLoad({ filter: /[/\\]@sindresorhus[/\\]is[/\\]dist[/\\].*\.js$/ }, ({ path }: OnLoadArgs) => ({
      contents: readFileSync(path, 'utf8').replace(formatter, 'const $1 = { format: (list) => ($2).format(list) };'),
    }));
  },
};
