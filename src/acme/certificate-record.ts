import { damaged } from '../files.ts';
import { pfxFormats } from './extra-files.ts';
import type { CertificateSettings } from './storage.ts';

/** Undefined: as it should be. Else what it should be, to go behind `is not`. */
type Check = (value: unknown) => string | undefined;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const check =
  (what: string, test: (value: unknown) => boolean): Check =>
  (value) =>
    test(value) ? undefined : what;

const isText = (value: unknown): value is string => typeof value === 'string';
const isTexts = (value: unknown): value is readonly string[] => Array.isArray(value) && value.every(isText);
const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;

const text = check('a text', isText);
const texts = check('a list of texts', isTexts);
const someTexts = check('a list of one text or more', (value) => isTexts(value) && value.length > 0);
const flag = check('true or false', (value) => typeof value === 'boolean');
const whole = check('a number of 0 or more', isWhole);
const command = check(
  'a command, as a text or as a list of words',
  (value) => (isText(value) && value !== '') || (isTexts(value) && value.length > 0),
);

/** Checks the parts that are there. */
const parts =
  (checks: Readonly<Record<string, Check>>): ((value: unknown, at: string) => string | undefined) =>
  (value, at) => {
    if (!isObject(value)) return `${at} is not an object`;
    for (const [key, one] of Object.entries(checks)) {
      const wanted = value[key] === undefined ? undefined : one(value[key]);
      if (wanted !== undefined) return `${at}.${key} is not ${wanted}`;
    }
    return undefined;
  };

const settings = parts({
  ...{ names: someTexts, directoryUrl: text, servers: someTexts, accountId: text, keyType: text },
  ...{ profile: text, preferredChain: text, mustStaple: flag, bundle: flag, commonName: flag, reuseKey: flag },
  ...{ csrPem: text, privateKeyFile: text, renewDays: whole, resolvers: texts, caCertificates: texts },
  // One provider was a text before there could be several.
  dns: check('a list of texts', (value) => isText(value) || isTexts(value)),
});
const groups = {
  propagation: parts({ waitMs: whole, authoritative: flag, recursive: flag }),
  files: parts({
    ...{ pem: flag, owner: text },
    pfx: check(`one of ${pfxFormats.join(', ')}`, (value) => pfxFormats.some((known) => known === value)),
    mode: check('a mode such as "640"', (value) => isText(value) && /^[0-7]{3}$/u.test(value)),
  }),
  hooks: parts({ cwd: text, pre: command, deploy: command, post: command }),
};
const needed = ['names', 'directoryUrl', 'accountId', 'dns', 'keyType'];

/**
 * What stands under `quoin` in the metadata of a certificate. People edit it, and one that makes no sense must not end the run of
 * all others. Undefined where there is none; `StorageError` that names what is wrong.
 */
export function readRecord(value: unknown, path: string): CertificateSettings | undefined {
  if (!isObject(value) || !needed.some((key) => key in value)) return undefined;
  const missing = needed.find((key) => value[key] === undefined);
  const wrong = missing === undefined ? settings(value, 'quoin') : `quoin.${missing} is missing`;
  const inGroup = () =>
    Object.entries(groups)
      .map(([key, one]) => (value[key] === undefined ? undefined : one(value[key], `quoin.${key}`)))
      .find((found) => found !== undefined);
  const why = wrong ?? inGroup();
  if (why !== undefined)
    throw damaged(path, why, 'mend it by hand, or restore it from a backup; without `quoin` it is as if lego wrote it');
  const { version: _, ...rest } = value;
  const record = rest as unknown as CertificateSettings;
  return { ...record, dns: [record.dns].flat() };
}
