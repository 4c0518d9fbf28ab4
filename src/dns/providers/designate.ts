import { ConfigError, defineProvider, oneOf, secret, text, url } from '../kit/index.ts';
import { type CloudAuth, readCloud } from '../vendors/clouds-yaml.ts';
import { designateProblem, designateZones } from '../vendors/designate.ts';
import { endpointOf, loginV3, serviceClient } from '../vendors/keystone.ts';
import { onlyZone } from '../vendors/only-zone.ts';

const authUrl = url('OS_AUTH_URL', 'Address of the identity service, Keystone v3');
const username = text('OS_USERNAME', 'User name');
const userId = text('OS_USER_ID', 'User ID, instead of the name');
const password = secret('OS_PASSWORD', 'Password');
const project = text(['OS_PROJECT_NAME', 'OS_TENANT_NAME'], 'Project name');
const projectId = text(['OS_PROJECT_ID', 'OS_TENANT_ID'], 'Project ID, instead of the name');
const credentialId = text('OS_APPLICATION_CREDENTIAL_ID', 'Application credential ID');
const credentialName = text('OS_APPLICATION_CREDENTIAL_NAME', 'Application credential name');
const credentialSecret = secret('OS_APPLICATION_CREDENTIAL_SECRET', 'Application credential secret');

export default defineProvider({
  id: 'designate',
  name: 'Designate DNSaaS for OpenStack',
  website: 'https://docs.openstack.org/designate/latest/',
  apiDocs: 'https://docs.openstack.org/api-ref/dns/',
  notes:
    'An application credential (*Identity → Application Credentials*) is the better choice: it opens one project only. ' +
    'With `OS_CLOUD` the settings come from `clouds.yaml` and `secure.yaml` in the working directory, `~/.config/openstack` or ' +
    '`/etc/openstack`. Some clouds refuse short lifetimes: raise `DESIGNATE_TTL` if yours says so.',
  env: {
    auth: oneOf({
      cloud: {
        cloud: text('OS_CLOUD', 'Cloud in clouds.yaml'),
        password: password.optional(),
        application_credential_secret: credentialSecret.optional(),
      },
      password: {
        auth_url: authUrl,
        username,
        password,
        project_name: project,
        project_id: projectId.optional(),
      },
      projectId: { auth_url: authUrl, username, password, project_id: projectId },
      userId: {
        auth_url: authUrl,
        user_id: userId,
        password,
        project_name: project.optional(),
        project_id: projectId.optional(),
      },
      applicationCredential: {
        auth_url: authUrl,
        application_credential_id: credentialId,
        application_credential_secret: credentialSecret,
      },
      applicationCredentialName: {
        auth_url: authUrl,
        application_credential_name: credentialName,
        application_credential_secret: credentialSecret,
        username: username.optional(),
        user_id: userId.optional(),
      },
    }),
    domain_name: text('OS_DOMAIN_NAME', 'Domain of the user and the project; Default unless one is named').optional(),
    domain_id: text('OS_DOMAIN_ID', 'Domain ID, instead of the name').optional(),
    user_domain_name: text('OS_USER_DOMAIN_NAME', 'Domain of the user, where it is another').optional(),
    user_domain_id: text('OS_USER_DOMAIN_ID', 'Domain ID of the user').optional(),
    project_domain_name: text('OS_PROJECT_DOMAIN_NAME', 'Domain of the project, where it is another').optional(),
    project_domain_id: text('OS_PROJECT_DOMAIN_ID', 'Domain ID of the project').optional(),
    region: text('OS_REGION_NAME', 'Region, where the cloud has several').optional(),
    face: text(['OS_INTERFACE', 'OS_ENDPOINT_TYPE'], 'Which endpoint to use: public, internal or admin').default(
      'public',
    ),
    configFile: text('OS_CLIENT_CONFIG_FILE', 'Path of clouds.yaml').noFile().optional(),
    secureFile: text('OS_CLIENT_SECURE_FILE', 'Path of secure.yaml').noFile().optional(),
    zone: text('DESIGNATE_ZONE_NAME', 'Zone to use instead of the one that is found').optional(),
  },
  tuning: { prefix: 'DESIGNATE', ttl: 10, propagationTimeout: 600, pollingInterval: 10 },

  async connect({ config, rest, hide, signal, log }) {
    const given = config.auth;
    const cloud = given.via === 'cloud' ? await readCloud(given.cloud, { who: 'designate', ...config }) : undefined;
    const auth: CloudAuth = { ...given, ...(cloud ? cloud.auth : config) };
    for (const found of [auth.password, auth.application_credential_secret]) if (found) hide(found);
    if (!auth.auth_url)
      throw new ConfigError('designate: the cloud that OS_CLOUD names has no auth_url in clouds.yaml');
    if (/\/v2\.0\/*$/u.test(auth.auth_url))
      log.warn('designate: Keystone v2.0 of OS_AUTH_URL was removed from OpenStack in 2018; version 3 is used instead');
    const { auth_url: address } = auth;
    const form = loginForm(auth);

    const api = serviceClient(
      { rest },
      {
        login: () => loginV3({ who: 'designate', rest, hide }, address, form),
        url: (token) =>
          endpointOf('designate', token, {
            type: 'dns',
            face: (cloud?.interface ?? cloud?.endpoint_type ?? config.face).replace(/URL$/u, ''),
            region: cloud?.region_name ?? config.region,
          }).replace(/(?:\/+v2)?\/*$/u, '/v2/'),
        problem: designateProblem,
      },
    );
    const editor = designateZones({ who: 'designate', api, signal });
    const only = { who: 'designate', variable: 'DESIGNATE_ZONE_NAME', name: config.zone };
    return { ...editor, ...onlyZone({ ...only, lookup: editor }) };
  },
});

/** https://docs.openstack.org/api-ref/identity/v3/#authentication-and-token-management */
function loginForm(auth: CloudAuth): object {
  const anyDomain = domain(auth.domain_id, auth.domain_name);
  const userDomain = domain(auth.user_domain_id, auth.user_domain_name) ?? anyDomain ?? { name: 'Default' };
  const projectDomain = domain(auth.project_domain_id, auth.project_domain_name) ?? anyDomain ?? userDomain;
  const user = auth.user_id ? { id: auth.user_id } : auth.username && { name: auth.username, domain: userDomain };

  const { application_credential_id: id, application_credential_name: name, application_credential_secret } = auth;
  if (application_credential_secret && (id || name)) {
    if (!id && !user)
      throw new ConfigError('designate: OS_APPLICATION_CREDENTIAL_NAME needs OS_USERNAME or OS_USER_ID too');
    const credential = { ...(id ? { id } : { name, user }), secret: application_credential_secret };
    return { identity: { methods: ['application_credential'], application_credential: credential } };
  }
  if (!user || !auth.password)
    throw new ConfigError(
      'designate: the cloud that OS_CLOUD names has neither user and password nor an application credential',
      {
        hint: 'they may also be in secure.yaml, or in OS_PASSWORD and OS_APPLICATION_CREDENTIAL_SECRET',
      },
    );
  const identity = { methods: ['password'], password: { user: { ...user, password: auth.password } } };
  const projectId = auth.project_id ?? auth.tenant_id;
  const projectName = auth.project_name ?? auth.tenant_name;
  if (projectId) return { identity, scope: { project: { id: projectId } } };
  // Without one, Keystone takes the default project of the user.
  return projectName ? { identity, scope: { project: { name: projectName, domain: projectDomain } } } : { identity };
}

const domain = (id: string | undefined, name: string | undefined) => (id ? { id } : name ? { name } : undefined);
