/** One dns-01 challenge (RFC 8555 section 8.4), worked out and ready to be published. */
export interface Challenge {
  /** As the certificate names it, for messages: `example.com` or `*.example.com`. */
  readonly identifier: string;
  /** `_acme-challenge.example.com`, before any CNAME is followed. */
  readonly fqdn: string;
  /** The TXT value: base64url of the SHA-256 of the key authorization, 43 characters. */
  readonly value: string;
  /** The identifier as the order has it, without `*.`; with token and key authorization for scripts that compute the value. */
  readonly domain?: string;
  readonly token?: string;
  readonly keyAuthorization?: string;
}

/** What the ACME flow needs from DNS. */
export interface Dns01 {
  /** Batches to be solved one after another: one batch, unless a provider shows only so many values at a time. */
  turns<C extends Challenge>(challenges: readonly C[]): Promise<readonly (readonly C[])[]>;
  /** Publishes the challenges, waits until they are visible, runs `whileVisible`, and removes them whatever happened. */
  solve<T>(challenges: readonly Challenge[], whileVisible: () => Promise<T>): Promise<T>;
}
