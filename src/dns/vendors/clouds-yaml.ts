import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, exportsOf } from '../kit/index.ts';

/** As clouds.yaml spells it; the variables are the same with `OS_` in front. */
export interface CloudAuth {
  auth_url?: string | undefined;
  username?: string | undefined;
  user_id?: string | undefined;
  password?: string | undefined;
  project_name?: string | undefined;
  project_id?: string | undefined;
  tenant_name?: string | undefined;
  tenant_id?: string | undefined;
  domain_name?: string | undefined;
  domain_id?: string | undefined;
  user_domain_name?: string | undefined;
  user_domain_id?: string | undefined;
  project_domain_name?: string | undefined;
  project_domain_id?: string | undefined;
  application_credential_id?: string | undefined;
  application_credential_name?: string | undefined;
  application_credential_secret?: string | undefined;
}
export interface Cloud {
  auth?: CloudAuth;
  region_name?: string | undefined;
  interface?: string | undefined;
  endpoint_type?: string | undefined;
}
type Clouds = Readonly<Record<string, Cloud | undefined>>;

export interface CloudFiles {
  /** The provider's id, for messages. */
  readonly who: string;
  /** Paths of clouds.yaml and secure.yaml. Default: the places where OpenStack's own clients look. */
  readonly configFile?: string | undefined;
  readonly secureFile?: string | undefined;
}

/**
 * https://docs.openstack.org/openstacksdk/latest/user/config/configuration.html: secrets may be in a file of their own.
 * @throws ConfigError when the cloud is not there or a file cannot be read
 */
export async function readCloud(name: string, { who, configFile, secureFile }: CloudFiles): Promise<Cloud> {
  const clouds = await readClouds(who, 'clouds', configFile);
  const secure = await readClouds(who, 'secure', secureFile);
  const found = clouds?.[name];
  if (!found) {
    const known = Object.keys(clouds ?? {}).join(', ');
    throw new ConfigError(`${who}: ${clouds ? `clouds.yaml has no cloud ${name}` : 'no clouds.yaml found'}`, {
      hint: clouds
        ? `it has ${known || 'none'}`
        : 'put it into the working directory, ~/.config/openstack or /etc/openstack, or name it in OS_CLIENT_CONFIG_FILE',
    });
  }
  return { ...found, ...secure?.[name], auth: { ...found.auth, ...secure?.[name]?.auth } };
}

async function readClouds(
  who: string,
  file: 'clouds' | 'secure',
  path: string | undefined,
): Promise<Clouds | undefined> {
  const folders = ['.', join(homedir(), '.config', 'openstack'), '/etc/openstack'];
  const places = folders.flatMap((folder) => ['yaml', 'yml'].map((type) => join(folder, `${file}.${type}`)));
  for (const place of path ? [path] : places) {
    const content = await readFile(place, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' && !path) return undefined;
      throw new ConfigError(`${who}: ${place} cannot be read (${error.code})`, { cause: error });
    });
    if (content === undefined) continue;
    const { parse } = exportsOf(await import('yaml'));
    try {
      return (parse(content) as { clouds?: Clouds } | null)?.clouds ?? {};
    } catch (error) {
      // The parser shows the line that it stumbled over, which may hold a password.
      const [said] = (error as Error).message.split(':');
      throw new ConfigError(`${who}: ${place} is not valid YAML: ${said}`);
    }
  }
  return undefined;
}
