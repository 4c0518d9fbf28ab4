import * as asn1js from 'asn1js';
import { parseChain } from './certificate.ts';

const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const CONTEXT_SPECIFIC = 3;

type Node = asn1js.BaseBlock & {
  readonly valueBlock: { readonly value?: readonly Node[]; readonly valueHexView?: Uint8Array };
};

const below = (node: Node | undefined): readonly Node[] => node?.valueBlock.value ?? [];
const bytesOf = (node: Node | undefined): Uint8Array => node?.valueBlock.valueHexView ?? new Uint8Array();
const tagged = (nodes: readonly Node[], tag: number): Node | undefined =>
  nodes.find(({ idBlock }) => idBlock.tagClass === CONTEXT_SPECIFIC && idBlock.tagNumber === tag);
const parse = (der: Uint8Array): Node => asn1js.fromBER(der).result as Node;

/**
 * The identifier of a certificate: base64url of its authority key identifier, a dot, base64url of the DER bytes of its serial
 * number (RFC 9773 section 4.1), a leading zero included, which Node's own `serialNumber` drops. Undefined where the certificate
 * has no authority key identifier. `pem` may hold the whole chain.
 */
export function certificateId(pem: string): string | undefined {
  const [leaf] = parseChain(pem);
  if (!leaf) return undefined;
  // RFC 5280 section 4.1: what is signed holds the serial number, and the extensions under tag 3.
  const signed = below(below(parse(leaf.raw))[0]);
  const serial = signed.find((node) => node instanceof asn1js.Integer);
  const extensions = below(below(tagged(signed, 3))[0]);
  const found = extensions.find((extension) => below(extension)[0]?.toString().includes(AUTHORITY_KEY_IDENTIFIER));
  const key = found && tagged(below(parse(bytesOf(below(found).at(-1)))), 0);
  if (!serial || !key) return undefined;
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  return `${text(bytesOf(key))}.${text(bytesOf(serial))}`;
}
