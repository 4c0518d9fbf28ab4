import type { Directory } from '../../acme/directory.ts';
import type { Reach } from '../../acme/renewal-info.ts';
import type { ListedCertificate, Store } from '../../acme/storage.ts';
import type { Transport } from '../../http.ts';
import type { CommandContext } from '../main.ts';
import { impatient } from './impatient.ts';

/** How to ask the CA that a certificate came from. What that takes is loaded when it is needed, and shared by all certificates. */
export function createReach(store: Store, context: CommandContext): (listed: ListedCertificate) => Reach {
  const { options, io, log } = context;
  const transports = new Map<string, Promise<Transport>>();
  const directories = new Map<string, Promise<Directory>>();

  const openTransport = async (caCertificates: readonly string[]): Promise<Transport> =>
    impatient((await import('../ca-transport.ts')).caTransport(context, caCertificates), options.httpTimeout);

  async function rootsFor({ settings }: ListedCertificate): Promise<readonly string[]> {
    const { servers = [], dns = [], caCertificates = options.caCertificates } = settings ?? {};
    if (!servers.includes('sandbox')) return caCertificates;
    const { withSandbox } = await import('../sandbox-env.ts');
    const words = { server: '', servers, dns, kid: undefined, hmac: undefined, caCertificates };
    return (await withSandbox(words, io.env)).options.caCertificates;
  }

  return (listed) => async () => {
    const caCertificates = await rootsFor(listed);
    const key = caCertificates.join('\n');
    const transport = transports.get(key) ?? openTransport(caCertificates);
    transports.set(key, transport);
    return {
      transport: await transport,
      async directory() {
        const { originOf } = await import('./origin.ts');
        const { fetchDirectory } = await import('../../acme/directory.ts');
        const { server } = await originOf(listed, store, context);
        const acme = { transport: await transport, log, signal: io.signal, maxWaitMs: 0 };
        const directory = directories.get(server) ?? fetchDirectory(server, acme);
        directories.set(server, directory);
        return directory;
      },
    };
  };
}
