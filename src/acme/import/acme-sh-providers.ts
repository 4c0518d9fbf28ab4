import type { Counterpart } from './found.ts';

/**
 * The DNS hooks of acme.sh that do what a provider of quoin does, and the variables that they keep in account.conf as
 * `SAVED_...`: dnsapi/*.sh of https://github.com/acmesh-official/acme.sh (dns_cx is gone there since CloudXNS is).
 */
export const acmeShHooks: Readonly<Record<string, Counterpart>> = {
  dns_acmedns: {
    code: 'acme-dns',
    set: { ACME_DNS_API_BASE: 'ACMEDNS_BASE_URL' },
    note: 'write ACMEDNS_USERNAME, ACMEDNS_PASSWORD and ACMEDNS_SUBDOMAIN to the JSON file that ACME_DNS_STORAGE_PATH names',
  },
  dns_acmeproxy: {
    code: 'httpreq',
    set: {
      HTTPREQ_ENDPOINT: 'ACMEPROXY_ENDPOINT',
      HTTPREQ_USERNAME: 'ACMEPROXY_USERNAME',
      HTTPREQ_PASSWORD: 'ACMEPROXY_PASSWORD',
    },
  },
  dns_ali: { code: 'alidns', set: { ALICLOUD_ACCESS_KEY: 'Ali_Key', ALICLOUD_SECRET_KEY: 'Ali_Secret' } },
  dns_aurora: { code: 'auroradns', set: { AURORA_API_KEY: 'AURORA_Key', AURORA_SECRET: 'AURORA_Secret' } },
  dns_autodns: {
    code: 'autodns',
    set: {
      AUTODNS_API_USER: 'AUTODNS_USER',
      AUTODNS_API_PASSWORD: 'AUTODNS_PASSWORD',
      AUTODNS_CONTEXT: 'AUTODNS_CONTEXT',
    },
  },
  dns_aws: {
    code: 'route53',
    set: { AWS_ACCESS_KEY_ID: 'AWS_ACCESS_KEY_ID', AWS_SECRET_ACCESS_KEY: 'AWS_SECRET_ACCESS_KEY' },
  },
  dns_azure: {
    code: 'azure',
    set: {
      AZURE_SUBSCRIPTION_ID: 'AZUREDNS_SUBSCRIPTIONID',
      AZURE_TENANT_ID: 'AZUREDNS_TENANTID',
      AZURE_CLIENT_ID: 'AZUREDNS_APPID',
      AZURE_CLIENT_SECRET: 'AZUREDNS_CLIENTSECRET',
    },
  },
  dns_cf: {
    code: 'cloudflare',
    set: { CF_DNS_API_TOKEN: 'CF_Token', CF_API_EMAIL: 'CF_Email', CF_API_KEY: 'CF_Key' },
  },
  dns_cloudns: {
    code: 'cloudns',
    set: {
      CLOUDNS_AUTH_ID: 'CLOUDNS_AUTH_ID',
      CLOUDNS_SUB_AUTH_ID: 'CLOUDNS_SUB_AUTH_ID',
      CLOUDNS_AUTH_PASSWORD: 'CLOUDNS_AUTH_PASSWORD',
    },
  },
  dns_conoha: {
    code: 'conoha',
    set: {
      CONOHA_TENANT_ID: 'CONOHA_TenantId',
      CONOHA_API_USERNAME: 'CONOHA_Username',
      CONOHA_API_PASSWORD: 'CONOHA_Password',
    },
    note: 'CONOHA_REGION is in the host of CONOHA_IdentityServiceApi',
  },
  dns_cx: { code: 'cloudxns', set: { CLOUDXNS_API_KEY: 'CX_Key', CLOUDXNS_SECRET_KEY: 'CX_Secret' } },
  dns_dgon: { code: 'digitalocean', set: { DO_AUTH_TOKEN: 'DO_API_KEY' } },
  dns_dnsimple: { code: 'dnsimple', set: { DNSIMPLE_OAUTH_TOKEN: 'DNSimple_OAUTH_TOKEN' } },
  dns_doapi: { code: 'dode', set: { DODE_TOKEN: 'DO_LETOKEN' } },
  dns_dp: { code: 'dnspod', set: { DNSPOD_API_KEY: 'DP_Id,DP_Key' } },
  dns_dreamhost: { code: 'dreamhost', set: { DREAMHOST_API_KEY: 'DH_API_KEY' } },
  dns_duckdns: { code: 'duckdns', set: { DUCKDNS_TOKEN: 'DuckDNS_Token' } },
  dns_dyn: {
    code: 'dyn',
    set: { DYN_CUSTOMER_NAME: 'DYN_Customer', DYN_USER_NAME: 'DYN_Username', DYN_PASSWORD: 'DYN_Password' },
  },
  dns_easydns: { code: 'easydns', set: { EASYDNS_TOKEN: 'EASYDNS_Token', EASYDNS_KEY: 'EASYDNS_Key' } },
  dns_edgedns: {
    code: 'fastdns',
    set: {
      AKAMAI_HOST: 'AKAMAI_HOST',
      AKAMAI_CLIENT_TOKEN: 'AKAMAI_CLIENT_TOKEN',
      AKAMAI_CLIENT_SECRET: 'AKAMAI_CLIENT_SECRET',
      AKAMAI_ACCESS_TOKEN: 'AKAMAI_ACCESS_TOKEN',
    },
  },
  dns_exoscale: {
    code: 'exoscale',
    set: { EXOSCALE_API_KEY: 'EXOSCALE_API_KEY', EXOSCALE_API_SECRET: 'EXOSCALE_SECRET_KEY' },
  },
  dns_gandi_livedns: {
    code: 'gandiv5',
    set: { GANDIV5_PERSONAL_ACCESS_TOKEN: 'GANDI_LIVEDNS_TOKEN', GANDIV5_API_KEY: 'GANDI_LIVEDNS_KEY' },
  },
  dns_gcloud: {
    code: 'gcloud',
    set: {},
    note: 'acme.sh ran the gcloud program: set GCE_PROJECT, and GCE_SERVICE_ACCOUNT_FILE where the machine has no login of its own',
  },
  dns_gd: { code: 'godaddy', set: { GODADDY_API_KEY: 'GD_Key', GODADDY_API_SECRET: 'GD_Secret' } },
  dns_hostingde: {
    code: 'hostingde',
    set: { HOSTINGDE_API_KEY: 'HOSTINGDE_APIKEY' },
  },
  dns_inwx: {
    code: 'inwx',
    set: { INWX_USERNAME: 'INWX_User', INWX_PASSWORD: 'INWX_Password', INWX_SHARED_SECRET: 'INWX_Shared_Secret' },
  },
  dns_joker: {
    code: 'joker',
    set: { JOKER_USERNAME: 'JOKER_USERNAME', JOKER_PASSWORD: 'JOKER_PASSWORD' },
    note: 'set JOKER_API_MODE=SVC',
  },
  dns_linode: { code: 'linode', set: { LINODE_API_KEY: 'LINODE_API_KEY' } },
  dns_linode_v4: { code: 'linodev4', set: { LINODE_TOKEN: 'LINODE_V4_API_KEY' } },
  dns_me: { code: 'dnsmadeeasy', set: { DNSMADEEASY_API_KEY: 'ME_Key', DNSMADEEASY_API_SECRET: 'ME_Secret' } },
  dns_mydnsjp: {
    code: 'mydnsjp',
    set: { MYDNSJP_MASTER_ID: 'MYDNSJP_MasterID', MYDNSJP_PASSWORD: 'MYDNSJP_Password' },
  },
  dns_namecheap: {
    code: 'namecheap',
    set: { NAMECHEAP_API_USER: 'NAMECHEAP_USERNAME', NAMECHEAP_API_KEY: 'NAMECHEAP_API_KEY' },
  },
  dns_namecom: {
    code: 'namedotcom',
    set: { NAMECOM_USERNAME: 'Namecom_Username', NAMECOM_API_TOKEN: 'Namecom_Token' },
  },
  dns_namesilo: { code: 'namesilo', set: { NAMESILO_API_KEY: 'Namesilo_Key' } },
  dns_netcup: {
    code: 'netcup',
    set: { NETCUP_CUSTOMER_NUMBER: 'NC_CID', NETCUP_API_KEY: 'NC_Apikey', NETCUP_API_PASSWORD: 'NC_Apipw' },
  },
  dns_nsone: { code: 'ns1', set: { NS1_API_KEY: 'NS1_Key' } },
  dns_nsupdate: {
    code: 'rfc2136',
    set: {
      RFC2136_NAMESERVER: 'NSUPDATE_SERVER:NSUPDATE_SERVER_PORT',
      RFC2136_TSIG_FILE: 'NSUPDATE_KEY',
      RFC2136_ZONES: 'NSUPDATE_ZONE',
    },
    note: 'without NSUPDATE_SERVER acme.sh asked localhost:53',
  },
  dns_oci: {
    code: 'oraclecloud',
    set: {
      OCI_TENANCY_OCID: 'OCI_CLI_TENANCY',
      OCI_USER_OCID: 'OCI_CLI_USER',
      OCI_REGION: 'OCI_CLI_REGION',
      OCI_PRIVATE_KEY: 'OCI_CLI_KEY',
      OCI_CONFIG_FILE: 'OCI_CLI_CONFIG_FILE',
      OCI_PROFILE: 'OCI_CLI_PROFILE',
    },
  },
  dns_openstack: {
    code: 'designate',
    set: Object.fromEntries(
      [
        ...['OS_AUTH_URL', 'OS_USERNAME', 'OS_PASSWORD', 'OS_PROJECT_NAME', 'OS_PROJECT_ID', 'OS_PROJECT_DOMAIN_NAME'],
        ...['OS_PROJECT_DOMAIN_ID', 'OS_USER_DOMAIN_NAME', 'OS_USER_DOMAIN_ID', 'OS_APPLICATION_CREDENTIAL_ID'],
        'OS_APPLICATION_CREDENTIAL_SECRET',
      ].map((name) => [name, name]),
    ),
  },
  dns_ovh: {
    code: 'ovh',
    set: {
      OVH_ENDPOINT: 'OVH_END_POINT',
      OVH_APPLICATION_KEY: 'OVH_AK',
      OVH_APPLICATION_SECRET: 'OVH_AS',
      OVH_CONSUMER_KEY: 'OVH_CK',
    },
    note: 'without OVH_END_POINT acme.sh used ovh-eu',
  },
  dns_pdns: {
    code: 'pdns',
    set: { PDNS_API_URL: 'PDNS_Url', PDNS_API_KEY: 'PDNS_Token', PDNS_SERVER_NAME: 'PDNS_ServerId' },
  },
  dns_rackspace: {
    code: 'rackspace',
    set: { RACKSPACE_USER: 'RACKSPACE_Username', RACKSPACE_API_KEY: 'RACKSPACE_Apikey' },
  },
  dns_selectel: {
    code: 'selectel',
    set: { SELECTEL_API_TOKEN: 'SL_Key' },
    note: "quoin reaches Selectel's legacy service only (SL_Ver v1)",
  },
  dns_transip: {
    code: 'transip',
    set: { TRANSIP_ACCOUNT_NAME: 'TRANSIP_Username', TRANSIP_PRIVATE_KEY_PATH: 'TRANSIP_Key_File' },
  },
  dns_vscale: { code: 'vscale', set: { VSCALE_API_TOKEN: 'VSCALE_API_KEY' } },
  dns_vultr: { code: 'vultr', set: { VULTR_API_KEY: 'VULTR_API_KEY' } },
  dns_zone: { code: 'zoneee', set: { ZONEEE_API_USER: 'ZONE_Username', ZONEEE_API_KEY: 'ZONE_Key' } },
};
