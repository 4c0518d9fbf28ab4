/** The public plugin API: everything a provider may import. */

export { ProviderError } from '../../errors.ts';
export * from './contract.ts';
export * from './editors.ts';
export { choice, flag, oneOf, seconds, secret, text } from './env.ts';
export { quoteTxt, unquoteTxt } from './names.ts';
