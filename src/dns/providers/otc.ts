import { defineProvider, flag, secret, text, url } from '../kit/index.ts';
import { designateProblem, designateZones } from '../vendors/designate.ts';
import { endpointOf, loginV3, serviceClient, type Token } from '../vendors/keystone.ts';

export default defineProvider({
  id: 'otc',
  name: 'Open Telekom Cloud',
  website: 'https://www.open-telekom-cloud.com/',
  apiDocs: 'https://docs.otc.t-systems.com/domain-name-service/api-ref/',
  notes:
    'Create an IAM user for programmatic access, in a group with the role *DNS Administrator* for the project. ' +
    'Public zones belong to the project `eu-de`; in private ones, which `OTC_PRIVATE_ZONE` asks for, no public CA sees a record. ' +
    'The domain name is that of the account (`OTC00000000001000000xxx`), not one in DNS.',
  env: {
    domain: text('OTC_DOMAIN_NAME', 'Domain name: the account that the user belongs to'),
    user: text('OTC_USER_NAME', 'User name'),
    password: secret('OTC_PASSWORD', 'Password'),
    project: text('OTC_PROJECT_NAME', 'Project name'),
    identity: url('OTC_IDENTITY_ENDPOINT', 'Address of the identity service').default(
      'https://iam.eu-de.otc.t-systems.com:443/v3/auth/tokens',
    ),
    isPrivate: flag('OTC_PRIVATE_ZONE', 'Use private zones only, instead of public ones').default(false),
  },
  tuning: { prefix: 'OTC', ttl: 300, minTtl: 300, httpTimeout: 10 },

  connect({ config: { domain, user, password, project, identity, isPrivate }, rest, hide, signal }) {
    /** Public zones are reached in eu-de, private ones in the region that the project's name begins with. */
    const homes = [...(isPrivate ? [] : ['eu-de']), project.replace(/_.*$/u, '')];
    const address = (token: Token) => {
      const regions = token.catalogue.filter(({ type }) => type === 'dns').map(({ region }) => region);
      return endpointOf('otc', token, { type: 'dns', region: homes.find((home) => regions.includes(home)) });
    };
    const api = serviceClient(
      { rest },
      {
        login: () =>
          loginV3({ who: 'otc', rest, hide }, identity, {
            identity: { methods: ['password'], password: { user: { name: user, password, domain: { name: domain } } } },
            scope: { project: { name: project } },
          }),
        url: (token) => address(token).replace(/(?:\/+v2)?\/*$/u, '/v2/'),
        problem: designateProblem,
      },
    );
    return designateZones({
      who: 'otc',
      api,
      signal,
      zoneFilter: isPrivate ? { type: 'private' } : {},
      namesUpdates: true,
    });
  },
});
