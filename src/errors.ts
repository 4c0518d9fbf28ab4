/** Every failure a user can act on is an `AppError`; anything else is a bug in this program. */
export interface ErrorDetail {
  /** One sentence that tells the user what to do next. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
  /** Facts for `--json`, beside code, message and hint: `{ notBefore: '2026-11-25T10:00:00Z' }`. */
  readonly facts?: Readonly<Record<string, unknown>> | undefined;
}

// A plugin from npm may carry its own copy of this file, so errors are recognised by brand and not by `instanceof`.
const BRAND = Symbol.for('quoin.error/1');

export class AppError extends Error {
  override name = 'AppError';
  readonly [BRAND] = true;
  /** Stable, for machines: `CONFIG`, `PROVIDER_AUTH`, `ACME_CAA` ... */
  readonly code: string;
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(code: string, exitCode: number, message: string, { hint, cause, facts = {} }: ErrorDetail = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.exitCode = exitCode;
    this.hint = hint;
    this.facts = facts;
  }
}

/** Flags, environment and files are incomplete or contradictory; nothing has been attempted yet. */
export class ConfigError extends AppError {
  override name = 'ConfigError';
  constructor(message: string, detail?: ErrorDetail) {
    super('CONFIG', 2, message, detail);
  }
}

export type ProviderFault = 'auth' | 'zone' | 'missing' | 'rate' | 'network' | 'api';

/** A DNS provider refused, failed or could not be reached. */
export class ProviderError extends AppError {
  override name = 'ProviderError';
  readonly fault: ProviderFault;
  readonly status: number | undefined;
  /** Seconds the provider asked us to wait. */
  readonly retryAfter: number | undefined;

  constructor(
    fault: ProviderFault,
    message: string,
    {
      status,
      retryAfter,
      ...detail
    }: ErrorDetail & { status?: number | undefined; retryAfter?: number | undefined } = {},
  ) {
    super(`PROVIDER_${fault.toUpperCase()}`, 4, message, detail);
    this.fault = fault;
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Worth another try: the same request may well succeed in a moment. */
  get passing(): boolean {
    return this.fault === 'network' || this.fault === 'rate' || (this.status ?? 0) >= 500;
  }
}

/** The CA said no, or could not be understood. */
export class AcmeError extends AppError {
  override name = 'AcmeError';
  /** `code` is `ACME_` and the problem's type in upper snake case: `ACME_RATE_LIMITED` (RFC 8555 section 6.7). */
  constructor(code: `ACME_${string}`, message: string, detail?: ErrorDetail) {
    super(code, 3, message, detail);
  }
}

/** DNS servers could not be asked, or did not show the TXT values in time. */
export class PropagationError extends AppError {
  override name = 'PropagationError';
  constructor(message: string, detail?: ErrorDetail, code: 'PROPAGATION' | 'DNS_LOOKUP' = 'PROPAGATION') {
    super(code, 5, message, detail);
  }
}

/** Files cannot be read or written. */
export class StorageError extends AppError {
  override name = 'StorageError';
  constructor(message: string, detail?: ErrorDetail) {
    super('STORAGE', 6, message, detail);
  }
}

/** A hook failed; the certificate is saved. */
export class HookError extends AppError {
  override name = 'HookError';
  constructor(message: string, detail?: ErrorDetail) {
    super('HOOK', 7, message, detail);
  }
}

/** Ctrl-C, SIGTERM or SIGHUP; clean-up has run. The exit code is the shell's: 128 and the signal's number. */
export class Interrupted extends AppError {
  override name = 'Interrupted';
  constructor(signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP') {
    super('INTERRUPTED', { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal], `interrupted by ${signal}`);
  }
}

export const isAppError = (error: unknown): error is AppError => error instanceof Error && BRAND in error;
export const isProviderError = (error: unknown, fault?: ProviderFault): error is ProviderError =>
  isAppError(error) && 'fault' in error && (fault === undefined || error.fault === fault);
