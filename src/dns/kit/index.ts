/** The public plugin API: everything a provider may import. */

export { exportsOf } from '../../commonjs.ts';
export { ConfigError, isProviderError, ProviderError, type ProviderFault } from '../../errors.ts';
export {
  createUpdateClient,
  type ResourceRecord,
  type TsigKey,
  tsigAlgorithm,
  tsigAlgorithms,
  txtData,
} from '../wire/index.ts';
export * from './change-sets.ts';
export * from './contract.ts';
export {
  direct,
  distinct,
  type Extras,
  perRecord,
  perRecordSet,
  unlessMissing,
  unlessStatus,
  wholeZone,
} from './editors.ts';
export { choice, flag, ignored, list, number, oneOf, seconds, secret, text, url } from './env.ts';
export { asciiName, quoteTxt, unquoteTxt } from './names.ts';
export * from './pages.ts';
export * from './poll.ts';
export type { EnvSource } from './read-env.ts';
export * from './record-sets.ts';
export * from './rest.ts';
export * from './sign.ts';
export * from './xml.ts';
