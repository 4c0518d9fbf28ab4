import { ConfigError, defineProvider, type TxtRecord } from '../kit/index.ts';

export default defineProvider({
  id: 'manual',
  name: 'Manual (a person at a terminal)',
  website: 'https://www.rfc-editor.org/rfc/rfc8555.html#section-8.4',
  notes:
    'Shows which TXT records to add, waits for Enter, and goes on when every name server shows them; in the end it says which may go. ' +
    'For trying things out and for zones without an API: what a person has to do cannot be renewed by cron.',
  env: {},
  tuning: { prefix: 'MANUAL', ignored: ['ttl', 'httpTimeout'], propagationTimeout: 3600, pollingInterval: 10 },

  connect({ enter, log }) {
    if (!enter)
      throw new ConfigError('manual: there is no person at a terminal to add the TXT records', {
        hint: 'run it in a terminal, or choose a provider with an API: quoin dnshelp',
      });
    const tell = (doing: string, records: readonly TxtRecord[]) => {
      for (const { fqdn, value } of records) log.info(`${doing} the TXT record ${fqdn} with the value ${value}`);
    };
    return {
      async apply(_zone: unknown, { add, remove }) {
        tell('please add', add);
        if (add.length > 0) {
          log.info('other values at these names may stay; press Enter when all are there');
          await enter();
        }
        // Nobody is waited for: this also comes after Ctrl-C.
        tell('please remove', remove);
      },
    };
  },
});
