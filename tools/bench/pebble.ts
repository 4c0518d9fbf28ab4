import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { join } from 'node:path';
import { freePort, type ServerProcess, selfSigned, startServer } from './processes.ts';

export interface Pebble {
  readonly process: ServerProcess;
  readonly directoryUrl: string;
  readonly caFile: string;
  /** ACME requests so far. */
  requests(): number;
}

/** A CA that validates by real DNS queries; no random nonce rejections, no reuse of authorizations, no pauses. */
export async function startPebble(parent: string, address: string, dnsServer: string): Promise<Pebble> {
  const folder = join(parent, 'pebble');
  mkdirSync(folder);
  const { cert, key } = selfSigned(folder, address);
  const [port, managementPort] = [await freePort(address), await freePort(address)];
  const config = join(folder, 'pebble.json');
  const settings = {
    listenAddress: `${address}:${port}`,
    managementListenAddress: `${address}:${managementPort}`,
    certificate: cert,
    privateKey: key,
    httpPort: 5002,
    tlsPort: 5001,
    ocspResponderURL: '',
    externalAccountBindingRequired: false,
  };
  writeFileSync(config, JSON.stringify({ pebble: settings }));
  const directoryUrl = `https://${address}:${port}/dir`;
  const ca = readFileSync(cert);
  // Debian 12's own 2.4: uacme cannot read the challenge types that newer ones offer.
  const process = await startServer('/usr/bin/pebble', ['-config', config, '-dnsserver', dnsServer], {
    folder,
    env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0' },
    ready: () =>
      new Promise((resolve) => {
        get(directoryUrl, { ca, headers: { 'user-agent': 'quoin-bench' } }, (answer) => {
          answer.resume();
          resolve(answer.statusCode === 200);
        }).on('error', () => resolve(false));
      }),
  });
  return {
    process,
    directoryUrl,
    caFile: cert,
    requests: () => process.log().match(/-> calling handler/gu)?.length ?? 0,
  };
}
