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

/** Formatters for error messages that nobody sees; making the first one reads ICU's data for 15 ms. */
const formatter = {
  file: /[/\\]@sindresorhus[/\\]is[/\\]distribution[/\\]index\.js$/,
  text: /^const (\w+) = (new Intl\.ListFormat\(.*\));$/gmu,
};

/**
 * Keeps out of the bundle what libraries load and no run of Quoin uses: that takes longer than all of Quoin's own code
 * (docs/decisions/0001-bundled-libraries.md). Fails when a new version of a library looks different.
 */
export const leftOut: Plugin = {
  name: 'left-out',
  setup({ onLoad, onResolve, onEnd }) {
    const missed = new Set<RegExp>([...files.map(([file]) => file), ...imports.map(([, imported]) => imported)]);
    for (const [filter, contents] of files) {
      onLoad({ filter }, () => {
        missed.delete(filter);
        return { contents };
      });
    }
    for (const [importer, filter, contents] of imports) {
      const namespace = `instead-of-${filter.source}`;
      onResolve({ filter }, ({ path, importer: from }: OnResolveArgs) => {
        if (!importer.test(from)) return undefined;
        missed.delete(filter);
        return { path, namespace };
      });
      onLoad({ filter: /./, namespace }, () => ({ contents }));
    }
    missed.add(formatter.file);
    onLoad({ filter: formatter.file }, ({ path }: OnLoadArgs) => {
      const text = readFileSync(path, 'utf8');
      const contents = text.replace(formatter.text, 'const $1 = { format: (list) => ($2).format(list) };');
      if (contents !== text) missed.delete(formatter.file);
      return { contents };
    });
    onEnd(() => ({
      errors: [...missed].map(({ source }) => ({ text: `nothing to leave out by ${source} any more` })),
    }));
  },
};
