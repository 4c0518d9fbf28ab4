/**
 * The least that the job takes: a bare Node program, built-ins only, one flow without error handling, for measuring
 * quoin against (tools/bench). It makes the same checks: zone and CNAME of every name, name servers by the resolver, every
 * value on the authoritative server before the CA is told, key and certificate compared before they are stored.
 */
import {
  createHash,
  createHmac,
  createPrivateKey,
  createSign,
  generateKeyPairSync,
  randomBytes,
  X509Certificate,
} from 'node:crypto';
import { createSocket } from 'node:dgram';
import { readFileSync, writeFileSync } from 'node:fs';
import { request as plain } from 'node:http';
import { Agent, request as secure } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';

const { directory, caFile, names, zone, folder, email, resolver, tsig, pdns } = JSON.parse(process.env.FLOOR);
const [server, port] = resolver.split(':');

// --- HTTP and JWS (RFC 8555 section 6)
const agent = new Agent({ keepAlive: true, ca: readFileSync(caFile) });
const http = (start, url, options, body) =>
  new Promise((resolve, reject) => {
    const sent = start(url, options, (answer) => {
      const chunks = [];
      answer
        .on('data', (chunk) => chunks.push(chunk))
        .on('end', () => {
          const text = Buffer.concat(chunks).toString();
          if (answer.statusCode >= 400) reject(new Error(`${url}: ${answer.statusCode} ${text}`));
          else resolve({ headers: answer.headers, text });
        });
    });
    sent.on('error', reject).end(body);
  });
const b64 = (data) => Buffer.from(data).toString('base64url');
const account = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { crv, kty, x, y } = account.publicKey.export({ format: 'jwk' });
const jwk = { crv, kty, x, y };
const thumbprint = createHash('sha256').update(JSON.stringify(jwk)).digest('base64url');
const nonces = [];
let kid;
const headers = { 'user-agent': 'quoin-floor' };
async function post(url, payload) {
  const nonce =
    nonces.pop() ?? (await http(secure, urls.newNonce, { agent, method: 'HEAD', headers })).headers['replay-nonce'];
  const protectedPart = b64(JSON.stringify({ alg: 'ES256', nonce, url, ...(kid ? { kid } : { jwk }) }));
  const payloadPart = payload === null ? '' : b64(JSON.stringify(payload));
  const signer = createSign('SHA256').update(`${protectedPart}.${payloadPart}`);
  const signature = b64(signer.sign({ key: account.privateKey, dsaEncoding: 'ieee-p1363' }));
  const body = JSON.stringify({ protected: protectedPart, payload: payloadPart, signature });
  const answer = await http(
    secure,
    url,
    { agent, method: 'POST', headers: { ...headers, 'content-type': 'application/jose+json' } },
    body,
  );
  nonces.push(answer.headers['replay-nonce']);
  return answer;
}
const json = async (...args) => JSON.parse((await post(...args)).text);
async function until(url, ...wanted) {
  for (let wait = 10; ; wait = Math.min(wait * 2, 250)) {
    const found = await json(url, null);
    if (wanted.includes(found.status)) return found;
    if (found.status === 'invalid') throw new Error(JSON.stringify(found));
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
}

// --- DNS (RFC 1035), UPDATE (RFC 2136) with TSIG (RFC 8945)
const u16 = (value) => Buffer.from([value >> 8, value & 255]);
const wire = (name) =>
  Buffer.concat([
    ...name
      .split('.')
      .filter(Boolean)
      .map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ]);
const socket = createSocket('udp4');
const asked = new Map();
socket.on('message', (message) => {
  asked.get(message.readUInt16BE(0))?.(message);
  asked.delete(message.readUInt16BE(0));
});
let nextId = randomBytes(2).readUInt16BE(0);
const ask = (name, type, host = server) =>
  new Promise((resolve) => {
    nextId = (nextId + 1) & 0xffff;
    asked.set(nextId, (message) => resolve(parse(message)));
    socket.send(
      Buffer.concat([u16(nextId), u16(0x0100), u16(1), u16(0), u16(0), u16(0), wire(name), u16(type), u16(1)]),
      Number(port),
      host,
    );
  });
function parse(message) {
  let at = 12;
  const name = (from) => {
    const labels = [];
    for (let i = from, end; ; ) {
      const length = message[i];
      if (length >= 0xc0) {
        end ??= i + 2;
        i = message.readUInt16BE(i) & 0x3fff;
      } else if (length === 0) return { name: labels.join('.').toLowerCase(), end: end ?? i + 1 };
      else {
        labels.push(message.toString('latin1', i + 1, i + 1 + length));
        i += length + 1;
      }
    }
  };
  for (let i = 0; i < message.readUInt16BE(4); i += 1) at = name(at).end + 4;
  const records = [];
  const count = message.readUInt16BE(6) + message.readUInt16BE(8);
  for (let i = 0; i < count; i += 1) {
    const owner = name(at);
    const type = message.readUInt16BE(owner.end);
    const start = owner.end + 10;
    const end = start + message.readUInt16BE(owner.end + 8);
    const data = type === 2 || type === 5 ? name(start).name : message.subarray(start, end);
    records.push({ name: owner.name, type, data });
    at = end;
  }
  return { rcode: message[3] & 15, records };
}
async function update(changes) {
  const records = changes.map(({ fqdn, value, add }) => {
    const text = Buffer.from([value.length, ...Buffer.from(value)]);
    return Buffer.concat([wire(fqdn), u16(16), u16(add ? 1 : 254), u16(0), u16(add ? 60 : 0), u16(text.length), text]);
  });
  const head = (extra) => Buffer.concat([u16(4711), u16(0x2800), u16(1), u16(0), u16(records.length), u16(extra)]);
  const body = Buffer.concat([wire(zone), u16(6), u16(1), ...records]);
  const now = Math.floor(Date.now() / 1000);
  const time = Buffer.concat([u16(Math.floor(now / 2 ** 32)), u16((now >>> 16) & 0xffff), u16(now & 0xffff), u16(300)]);
  const [key, algorithm] = [wire(tsig.name), wire(tsig.algorithm)];
  const variables = Buffer.concat([key, u16(255), u16(0), u16(0), algorithm, time, u16(0), u16(0)]);
  const mac = createHmac('sha256', Buffer.from(tsig.secret, 'base64'))
    .update(Buffer.concat([head(0), body, variables]))
    .digest();
  const data = Buffer.concat([algorithm, time, u16(mac.length), mac, u16(4711), u16(0), u16(0)]);
  const message = Buffer.concat([head(1), body, key, u16(250), u16(255), u16(0), u16(0), u16(data.length), data]);
  const answer = await new Promise((resolve, reject) => {
    const stream = connect(Number(port), server, () => stream.write(Buffer.concat([u16(message.length), message])));
    stream.on('error', reject).once('data', (chunk) => {
      stream.destroy();
      resolve(chunk.subarray(2));
    });
  });
  if (answer[3] & 15) throw new Error(`update refused: ${answer[3] & 15}`);
}
async function patch(changes) {
  const sets = Map.groupBy ? Map.groupBy(changes, ({ fqdn }) => fqdn) : new Map();
  if (!Map.groupBy) for (const change of changes) sets.set(change.fqdn, [...(sets.get(change.fqdn) ?? []), change]);
  const rrsets = [...sets].map(([fqdn, all]) => ({
    ...{ name: `${fqdn}.`, type: 'TXT', ttl: 60, changetype: all[0].add ? 'REPLACE' : 'DELETE' },
    records: all.filter(({ add }) => add).map(({ value }) => ({ content: `"${value}"`, disabled: false })),
  }));
  const options = { method: 'PATCH', headers: { 'x-api-key': pdns.apiKey, 'content-type': 'application/json' } };
  await http(plain, `${pdns.url}/api/v1/servers/localhost/zones/${zone}.`, options, JSON.stringify({ rrsets }));
}
const publish = pdns ? patch : update;

// --- CSR (RFC 2986)
const der = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), body]);
};
const oid = (hex) => der(6, Buffer.from(hex, 'hex'));
function csrOf(key) {
  const san = der(0x30, ...names.map((name) => der(0x82, Buffer.from(name))));
  const extension = der(0x30, oid('551d11'), der(4, san));
  const attribute = der(0x30, oid('2a864886f70d01090e'), der(0x31, der(0x30, extension)));
  const info = der(
    0x30,
    der(2, Buffer.from([0])),
    der(0x30),
    key.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa0, attribute),
  );
  const signature = createSign('SHA256').update(info).sign(key.privateKey);
  return der(0x30, info, der(0x30, oid('2a8648ce3d040302')), der(3, Buffer.from([0]), signature));
}

// --- The flow (RFC 8555 section 7)
const urls = JSON.parse((await http(secure, directory, { agent, headers })).text);
kid = (await post(urls.newAccount, { termsOfServiceAgreed: true, contact: [`mailto:${email}`] })).headers.location;
const ordered = await post(urls.newOrder, { identifiers: names.map((value) => ({ type: 'dns', value })) });
const order = JSON.parse(ordered.text);
const challenges = await Promise.all(
  order.authorizations.map(async (url) => {
    const { identifier, challenges } = await json(url, null);
    const { token, url: answer } = challenges.find(({ type }) => type === 'dns-01');
    const value = createHash('sha256').update(`${token}.${thumbprint}`).digest('base64url');
    return { fqdn: `_acme-challenge.${identifier.value}`, value, answer };
  }),
);
await Promise.all(
  [...new Set(challenges.map(({ fqdn }) => fqdn))].map(async (fqdn) => {
    const { records } = await ask(fqdn, 6);
    if (records.find(({ type }) => type === 6)?.name !== zone) throw new Error(`${fqdn} is not in ${zone}`);
  }),
);
const [ns] = (await ask(zone, 2)).records.filter(({ type }) => type === 2);
const [address] = (await ask(ns.data, 1)).records.filter(({ name, type }) => type === 1 && name === ns.data);
const authoritative = [...address.data].join('.');
try {
  await publish(challenges.map((challenge) => ({ ...challenge, add: true })));
  await Promise.all(
    challenges.map(async ({ fqdn, value }) => {
      const { records } = await ask(fqdn, 16, authoritative);
      if (!records.some(({ type, data }) => type === 16 && data.subarray(1).toString() === value))
        throw new Error(`${fqdn} lacks ${value}`);
    }),
  );
  await Promise.all(challenges.map(({ answer }) => post(answer, {})));
  await until(ordered.headers.location, 'ready');
} finally {
  await publish(challenges.map((challenge) => ({ ...challenge, add: false })));
  socket.close();
}
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
writeFileSync(join(folder, 'key.pem'), key.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
await post(order.finalize, { csr: b64(csrOf(key)) });
const { certificate } = await until(ordered.headers.location, 'valid');
const { text } = await post(certificate, null);
if (!new X509Certificate(text).checkPrivateKey(createPrivateKey(readFileSync(join(folder, 'key.pem')))))
  throw new Error('wrong key');
writeFileSync(join(folder, 'certificate.pem'), text);
agent.destroy();
