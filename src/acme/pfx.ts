import { createHash, createHmac, createPrivateKey, randomBytes, type X509Certificate } from 'node:crypto';
import { type BaseBlock, BmpString, Constructed, Null, Primitive, Set as SetOf } from 'asn1js';
import { parseChain } from './certificate.ts';
import { derive } from './pfx-derive.ts';
import { aes256, type Encrypt, integer, octets, oid, rc2With40Bits, sequence, tripleDes } from './pfx-encryption.ts';
import type { PfxFormat } from './storage.ts';

export interface PfxContent {
  /** The certificate, alone or with its issuers behind it. */
  readonly certificatePem: string;
  readonly issuerPem: string;
  /** EC or RSA, in any PEM form without a password. */
  readonly keyPem: string;
  readonly password: string;
  readonly format: PfxFormat;
  /** What Windows shows, and Java takes for the alias. */
  readonly friendlyName: string;
}

interface Scheme {
  readonly certificates: Encrypt;
  readonly key: Encrypt;
  readonly hash: 'sha1' | 'sha256';
  readonly hashOid: string;
  /** Of each of the three derivations. .NET loads no file with more than 300,000. */
  readonly iterations: number;
}

const sha1 = { hash: 'sha1', hashOid: '1.3.14.3.2.26', iterations: 2048 } as const;
/** By lego's names for them. The old ones keep the small numbers that old software expects. */
const schemes: Readonly<Record<PfxFormat, Scheme>> = {
  SHA256: {
    certificates: aes256,
    key: aes256,
    hash: 'sha256',
    hashOid: '2.16.840.1.101.3.4.2.1',
    iterations: 100_000,
  },
  DES: { certificates: tripleDes, key: tripleDes, ...sha1 },
  RC2: { certificates: rc2With40Bits, key: tripleDes, ...sha1 },
};

/** A PKCS#12 file (RFC 7292) with the certificate, its issuers and its key. */
export async function encodePfx(content: PfxContent): Promise<Buffer> {
  const { keyPem, password, friendlyName } = content;
  const { certificates, key, hash, hashOid, iterations } = schemes[content.format];
  const [leaf, ...issuers] = chainOf(content);
  if (!leaf) throw new Error('there is no certificate to put into a .pfx file');
  // The attributes tie the key to its certificate: RFC 2985 sections 5.5.1 and 5.5.2.
  const attributes = () => [
    attribute('1.2.840.113549.1.9.20', new BmpString({ value: friendlyName })),
    attribute('1.2.840.113549.1.9.21', octets(createHash('sha1').update(leaf.raw).digest())),
  ];
  const bags = der(sequence(certificateBag(leaf, attributes()), ...issuers.map((one) => certificateBag(one, []))));
  const shut = await certificates(bags, password, iterations);
  const pkcs8 = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' });
  const shrouded = await key(pkcs8, password, iterations);
  const keyBag = bag('1.2.840.113549.1.12.10.1.2', sequence(shrouded.algorithm, octets(shrouded.data)), attributes());
  const safe = der(sequence(encryptedData(shut.algorithm, shut.data), plainData(der(sequence(keyBag)))));

  const salt = randomBytes(hash === 'sha1' ? 8 : 16);
  const length = hash === 'sha1' ? 20 : 32;
  const macKey = await derive({ hash, purpose: 'mac', password, salt, iterations, length });
  const mac = createHmac(hash, macKey).update(safe).digest();
  const digest = sequence(sequence(oid(hashOid), new Null()), octets(mac));
  return der(sequence(integer(3), plainData(safe), sequence(digest, octets(salt), integer(iterations))));
}

/** Each certificate once, the leaf first. */
function chainOf({ certificatePem, issuerPem }: PfxContent): X509Certificate[] {
  const bundled = parseChain(certificatePem);
  const chain = bundled.length > 1 ? bundled : parseChain(`${certificatePem}\n${issuerPem}`);
  return chain.filter((one, at) => chain.findIndex(({ raw }) => raw.equals(one.raw)) === at);
}

const certificateBag = ({ raw }: X509Certificate, attributes: BaseBlock[]) =>
  bag('1.2.840.113549.1.12.10.1.3', sequence(oid('1.2.840.113549.1.9.22.1'), explicit(octets(raw))), attributes);

/** SafeBag: RFC 7292 section 4.2. */
const bag = (id: string, value: BaseBlock, attributes: BaseBlock[]) =>
  sequence(oid(id), explicit(value), ...(attributes.length > 0 ? [new SetOf({ value: attributes })] : []));

const attribute = (id: string, value: BaseBlock) => sequence(oid(id), new SetOf({ value: [value] }));

/** ContentInfo of the type data: RFC 5652 section 4. */
const plainData = (bytes: Buffer) => sequence(oid('1.2.840.113549.1.7.1'), explicit(octets(bytes)));

/** ContentInfo of the type encrypted-data: RFC 5652 section 8. */
const encryptedData = (algorithm: BaseBlock, bytes: Buffer) =>
  sequence(
    oid('1.2.840.113549.1.7.6'),
    explicit(
      sequence(
        integer(0),
        sequence(
          oid('1.2.840.113549.1.7.1'),
          algorithm,
          new Primitive({ idBlock: { tagClass: 3, tagNumber: 0 }, valueHex: bytes }),
        ),
      ),
    ),
  );

/** `[0] EXPLICIT`. */
const explicit = (value: BaseBlock) => new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value: [value] });

const der = (value: BaseBlock): Buffer => Buffer.from(value.toBER());
