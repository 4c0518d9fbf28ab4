/** DNS messages (RFC 1035 section 4.1, RFC 2136, RFC 6891) between bytes and objects. */

/** A record type by mnemonic where the program knows one, else `TYPE123` (RFC 3597 section 5). */
export type RecordType = string;
/** `IN`, `NONE`, `ANY` (RFC 2136 section 1.3), else `CLASS123`. */
export type RecordClass = string;

export interface Question {
  /** Lower case, no trailing dot; the root is the empty string. */
  readonly name: string;
  readonly type: RecordType;
  readonly class: RecordClass;
}

export interface ResourceRecord {
  readonly name: string;
  readonly type: RecordType;
  readonly class: RecordClass;
  /** Seconds. */
  readonly ttl: number;
  /** RDATA with names uncompressed, so that it can be compared and sent again; empty in updates that delete. */
  readonly data: Buffer;
}

export interface Message {
  readonly id: number;
  readonly opcode: 'QUERY' | 'UPDATE' | 'NOTIFY' | number;
  /** Mnemonic of RFC 6895: `NOERROR`, `NXDOMAIN`, `SERVFAIL`, `REFUSED`, `NOTAUTH`, `NOTZONE` ... extended with EDNS. */
  readonly rcode: string;
  readonly response: boolean;
  readonly authoritative: boolean;
  readonly truncated: boolean;
  readonly recursionDesired: boolean;
  readonly recursionAvailable: boolean;
  /** The zone section of an update. */
  readonly questions: readonly Question[];
  /** The prerequisite section of an update. */
  readonly answers: readonly ResourceRecord[];
  /** The update section of an update. */
  readonly authorities: readonly ResourceRecord[];
  readonly additionals: readonly ResourceRecord[];
}
