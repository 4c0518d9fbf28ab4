import type { Counterpart } from './found.ts';

/** `{ API_KEY: 'key' }` with prefix `dns_x_`, as certbot's plugins name the keys of their INI files. */
const ini = (code: string, plugin: string, keys: Readonly<Record<string, string>>, note?: string): Counterpart => ({
  code,
  set: Object.fromEntries(
    Object.entries(keys).map(([name, from]) => [name, from.replace(/[a-z]\w*/giu, (key) => `${plugin}_${key}`)]),
  ),
  ...(note ? { note } : {}),
});

/**
 * certbot's DNS plugins, its own and those of others, that do what a provider of quoin does, and the keys of the INI files
 * that hold their credentials: certbot-dns-*\/ of https://github.com/certbot/certbot, and for those of others the list in
 * backend/certbot/dns-plugins.json of https://github.com/NginxProxyManager/nginx-proxy-manager.
 */
export const certbotPlugins: Readonly<Record<string, Counterpart>> = {
  'dns-acmedns': ini('acme-dns', 'dns_acmedns', {
    ACME_DNS_API_BASE: 'api_url',
    ACME_DNS_STORAGE_PATH: 'registration_file',
  }),
  'dns-aliyun': ini('alidns', 'dns_aliyun', {
    ALICLOUD_ACCESS_KEY: 'access_key',
    ALICLOUD_SECRET_KEY: 'access_key_secret',
  }),
  'dns-azure': ini(
    'azure',
    'dns_azure',
    { AZURE_TENANT_ID: 'tenant_id', AZURE_CLIENT_ID: 'sp_client_id', AZURE_CLIENT_SECRET: 'sp_client_secret' },
    'AZURE_SUBSCRIPTION_ID and AZURE_RESOURCE_GROUP are in dns_azure_zone1',
  ),
  'dns-cloudflare': ini('cloudflare', 'dns_cloudflare', {
    CF_DNS_API_TOKEN: 'api_token',
    CF_API_EMAIL: 'email',
    CF_API_KEY: 'api_key',
  }),
  'dns-cloudns': ini('cloudns', 'dns_cloudns', {
    CLOUDNS_AUTH_ID: 'auth_id',
    CLOUDNS_SUB_AUTH_ID: 'sub_auth_id',
    CLOUDNS_AUTH_PASSWORD: 'auth_password',
  }),
  'dns-cloudxns': ini('cloudxns', 'dns_cloudxns', { CLOUDXNS_API_KEY: 'api_key', CLOUDXNS_SECRET_KEY: 'secret_key' }),
  'dns-digitalocean': ini('digitalocean', 'dns_digitalocean', { DO_AUTH_TOKEN: 'token' }),
  'dns-dnsimple': ini('dnsimple', 'dns_dnsimple', { DNSIMPLE_OAUTH_TOKEN: 'token' }),
  'dns-dnsmadeeasy': ini('dnsmadeeasy', 'dns_dnsmadeeasy', {
    DNSMADEEASY_API_KEY: 'api_key',
    DNSMADEEASY_API_SECRET: 'secret_key',
  }),
  'dns-dnspod': ini('dnspod', 'dns_dnspod', { DNSPOD_API_KEY: 'api_token' }),
  'dns-domainoffensive': ini('dode', 'dns_domainoffensive', { DODE_TOKEN: 'api_token' }),
  'dns-duckdns': ini('duckdns', 'dns_duckdns', { DUCKDNS_TOKEN: 'token' }),
  'dns-easydns': ini('easydns', 'dns_easydns', { EASYDNS_TOKEN: 'usertoken', EASYDNS_KEY: 'userkey' }),
  edgedns: ini('fastdns', 'edgedns', {
    AKAMAI_HOST: 'host',
    AKAMAI_CLIENT_TOKEN: 'client_token',
    AKAMAI_CLIENT_SECRET: 'client_secret',
    AKAMAI_ACCESS_TOKEN: 'access_token',
  }),
  'dns-gandi': ini('gandiv5', 'dns_gandi', {
    GANDIV5_PERSONAL_ACCESS_TOKEN: 'token',
    GANDIV5_API_KEY: 'api_key',
  }),
  'dns-glesys': ini('glesys', 'dns_glesys', { GLESYS_API_USER: 'user', GLESYS_API_KEY: 'password' }),
  'dns-godaddy': ini('godaddy', 'dns_godaddy', { GODADDY_API_KEY: 'key', GODADDY_API_SECRET: 'secret' }),
  'dns-google': {
    code: 'gcloud',
    set: {},
    note: 'set GCE_SERVICE_ACCOUNT_FILE to that file, and GCE_PROJECT where it is another project',
  },
  'dns-inwx': ini('inwx', 'dns_inwx', {
    INWX_USERNAME: 'username',
    INWX_PASSWORD: 'password',
    INWX_SHARED_SECRET: 'shared_secret',
  }),
  'dns-joker': ini(
    'joker',
    'dns_joker',
    { JOKER_USERNAME: 'username', JOKER_PASSWORD: 'password' },
    'set JOKER_API_MODE=SVC',
  ),
  'dns-linode': ini('linodev4', 'dns_linode', { LINODE_TOKEN: 'key' }),
  'dns-namecheap': ini('namecheap', 'dns_namecheap', {
    NAMECHEAP_API_USER: 'username',
    NAMECHEAP_API_KEY: 'api_key',
  }),
  'dns-namecom': ini('namedotcom', 'dns_namecom', { NAMECOM_USERNAME: 'username', NAMECOM_API_TOKEN: 'token' }),
  'dns-netcup': ini('netcup', 'dns_netcup', {
    NETCUP_CUSTOMER_NUMBER: 'customer_id',
    NETCUP_API_KEY: 'api_key',
    NETCUP_API_PASSWORD: 'api_password',
  }),
  'dns-nsone': ini('ns1', 'dns_nsone', { NS1_API_KEY: 'api_key' }),
  'dns-oci': { code: 'oraclecloud', set: {}, note: 'set OCI_CONFIG_FILE to that file' },
  'dns-ovh': ini('ovh', 'dns_ovh', {
    OVH_ENDPOINT: 'endpoint',
    OVH_APPLICATION_KEY: 'application_key',
    OVH_APPLICATION_SECRET: 'application_secret',
    OVH_CONSUMER_KEY: 'consumer_key',
  }),
  'dns-powerdns': ini('pdns', 'dns_powerdns', { PDNS_API_URL: 'api_url', PDNS_API_KEY: 'api_key' }),
  'dns-rfc2136': ini('rfc2136', 'dns_rfc2136', {
    RFC2136_NAMESERVER: 'server:port',
    RFC2136_TSIG_KEY: 'name',
    RFC2136_TSIG_SECRET: 'secret',
    RFC2136_TSIG_ALGORITHM: 'algorithm',
  }),
  'dns-route53': {
    code: 'route53',
    set: {},
    note: "quoin looks for AWS's credentials where certbot did: the environment, ~/.aws, the machine's role",
  },
  'dns-sakuracloud': ini('sakuracloud', 'dns_sakuracloud', {
    SAKURACLOUD_ACCESS_TOKEN: 'api_token',
    SAKURACLOUD_ACCESS_TOKEN_SECRET: 'api_secret',
  }),
  'dns-transip': ini('transip', 'dns_transip', {
    TRANSIP_ACCOUNT_NAME: 'username',
    TRANSIP_PRIVATE_KEY_PATH: 'key_file',
  }),
  'dns-vultr': ini('vultr', 'dns_vultr', { VULTR_API_KEY: 'key' }),
};
