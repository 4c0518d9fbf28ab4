/** The public plugin API: everything a provider may import. */

export { ConfigError, ProviderError } from '../../errors.ts';
export {
  createUpdateClient,
  type ResourceRecord,
  type TsigKey,
  tsigAlgorithm,
  tsigAlgorithms,
  txtData,
} from '../wire/index.ts';
export * from './contract.ts';
export * from './editors.ts';
export { choice, flag, oneOf, seconds, secret, text, url } from './env.ts';
export { quoteTxt, unquoteTxt } from './names.ts';
export * from './record-sets.ts';
