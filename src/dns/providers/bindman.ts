import { defineProvider, direct, ProviderError, url } from '../kit/index.ts';

interface DnsRecord {
  name: string;
  value: string;
  type: string;
}

export default defineProvider({
  id: 'bindman',
  name: 'Bindman',
  website: 'https://github.com/labbsr0x/bindman-dns-webhook',
  apiDocs: 'https://github.com/labbsr0x/bindman-dns-webhook',
  notes:
    'The manager asks for no credentials: let nobody but this machine reach it. Names are sent with a dot at the end, so the zone ' +
    'in the settings of the manager needs one too. A manager may keep a single value for each name, and a removal takes all of ' +
    'them: names are validated one after another.',
  env: { address: url('BINDMAN_MANAGER_ADDRESS', 'Address of the manager, http://bindman.example.net:7070') },
  tuning: { prefix: 'BINDMAN', ignored: ['ttl'], httpTimeout: 60 },
  oneValueAtATime: true,

  connect({ config: { address }, rest }) {
    const api = rest({
      url: address,
      // https://github.com/labbsr0x/bindman-dns-webhook/blob/master/src/types/error.go
      problem: (body) => (body?.code && body.message ? [body.message, ...(body.details ?? [])].join('; ') : undefined),
    });
    const present = (path: string) =>
      api.get<Partial<DnsRecord> | null>(path).catch((error: unknown) => {
        if (!(error instanceof ProviderError) || error.passing) throw error;
        return undefined;
      });

    return direct({
      add: async (_zone, { fqdn, value }) => {
        const record: DnsRecord = { name: `${fqdn}.`, value, type: 'TXT' };
        return api.post('records', record);
      },
      async remove(_zone, { fqdn, value }) {
        const path = `records/${fqdn}./TXT`;
        const now = (await present(path))?.value;
        // Somebody has replaced it, and the removal would take theirs. Whoever cannot be asked is told to remove it.
        if (now !== undefined && now !== value) return;
        await api.delete(path);
      },
    });
  },
});
