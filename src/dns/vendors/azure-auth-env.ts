import { choice, flag, seconds, secret, text, url } from '../kit/index.ts';

const requestToken = ['AZURE_OIDC_REQUEST_TOKEN', 'ACTIONS_ID_TOKEN_REQUEST_TOKEN', 'ARM_OIDC_REQUEST_TOKEN'] as const;
const METADATA = 'http://169.254.169.254';

/** The variables that Microsoft's own libraries, Terraform and the CI systems have for it, too. */
export const azureAuthEnv = {
  method: choice(
    'AZURE_AUTH_METHOD',
    'How to log in; default: a secret, a certificate or a workload identity, whichever is set, else the managed identity',
    ['env', 'wli', 'msi', 'oidc', 'pipeline', 'cli'],
  ).optional(),
  tenant: text('AZURE_TENANT_ID', 'Tenant (directory) id').optional(),
  client: text(
    'AZURE_CLIENT_ID',
    'Application (client) id; of a managed identity where the machine has several',
  ).optional(),
  clientSecret: secret('AZURE_CLIENT_SECRET', 'Client secret').optional(),
  certificate: text('AZURE_CLIENT_CERTIFICATE_PATH', 'PEM file with the client certificate and its key').optional(),
  certificatePassword: secret('AZURE_CLIENT_CERTIFICATE_PASSWORD', 'Password of the key in that file').optional(),
  sendChain: flag(
    'AZURE_CLIENT_SEND_CERTIFICATE_CHAIN',
    'Sends the certificate along, for subject name checks',
  ).default(false),
  federatedTokenFile: text('AZURE_FEDERATED_TOKEN_FILE', 'File with the token of a workload identity')
    .noFile()
    .optional(),
  oidcToken: secret('AZURE_OIDC_TOKEN', 'Token of an OIDC issuer (oidc)').optional(),
  oidcTokenFile: text('AZURE_OIDC_TOKEN_FILE_PATH', 'File with such a token (oidc)').noFile().optional(),
  oidcRequestUrl: url(
    ['AZURE_OIDC_REQUEST_URL', 'ACTIONS_ID_TOKEN_REQUEST_URL', 'ARM_OIDC_REQUEST_URL'],
    'Where a CI system hands out such tokens (oidc)',
  ).optional(),
  oidcRequestToken: secret([...requestToken], 'What it asks for in return (oidc)').optional(),
  pipelineUrl: url('SYSTEM_OIDCREQUESTURI', 'Where Azure Pipelines hands out tokens (pipeline)').optional(),
  connection: text(
    [
      'AZURE_SERVICE_CONNECTION_ID',
      'SERVICE_CONNECTION_ID',
      'ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID',
      'ARM_OIDC_AZURE_SERVICE_CONNECTION_ID',
    ],
    'Service connection (pipeline)',
  ).optional(),
  systemToken: secret(
    ['AZURE_SYSTEM_ACCESS_TOKEN', 'ARM_OIDC_REQUEST_TOKEN', 'SYSTEM_ACCESSTOKEN'],
    'System.AccessToken of the pipeline (pipeline)',
  ).optional(),
  msiTimeout: seconds('AZURE_AUTH_MSI_TIMEOUT', 'Longest wait for the managed identity').default(2),
  metadata: url('AZURE_METADATA_ENDPOINT', 'Address of the instance metadata service').default(METADATA),
  identityEndpoint: url('IDENTITY_ENDPOINT', 'Managed identity of App Service, which sets it').optional(),
  identityHeader: secret('IDENTITY_HEADER', 'Set by App Service').optional(),
  authority: url('AZURE_AUTHORITY_HOST', 'Address of the login; default: that of the environment').optional(),
};

type Values<S> = { readonly [K in keyof S]: S[K] extends { readonly parse: (raw: string) => infer T } ? T : never };
export type AzureAuthConfig = Values<typeof azureAuthEnv>;
