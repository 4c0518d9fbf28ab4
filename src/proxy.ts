import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { BlockList, isIP } from 'node:net';

type Env = Readonly<Record<string, string | undefined>>;

/** What a proxy that refuses to connect is told apart by. */
export const PROXY_REFUSED = 'EPROXYREFUSED';

/** Loopback; link-local (RFC 3927, where AWS, Azure, Google and Oracle have theirs), and the names and addresses of others. */
const nearby = /^(?:localhost|127\..*|::1|169\.254\..*|fd00:ec2::254|metadata\.google\.internal|100\.100\.100\.200)$/u;

/**
 * The proxy that lego (Go) would take: HTTPS_PROXY or HTTP_PROXY, lower case first, but none for loopback, for the metadata
 * services of clouds, which know who asks by where it comes from, and for what NO_PROXY names: hosts with all below them,
 * host:port, addresses, CIDR blocks, `*`.
 */
export function proxyFor(url: URL, env: Env): string | undefined {
  const value = (name: string) => env[name.toLowerCase()] || env[name] || undefined;
  const proxy = value(url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY');
  const host = url.hostname.replace(/^\[|\]$/gu, '');
  if (!proxy || nearby.test(host)) return undefined;
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  const excluded = (value('NO_PROXY') ?? '')
    .toLowerCase()
    .split(/[\s,]+/u)
    .filter(Boolean);
  if (excluded.some((pattern) => matches(pattern, host, port))) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function matches(pattern: string, host: string, port: string): boolean {
  if (pattern === '*') return true;
  const [, block = '', bits] = /^([^/]+)\/(\d{1,3})$/u.exec(pattern) ?? [];
  if (bits !== undefined) return inBlock(host, block, Number(bits));
  const { name = '', onlyPort } = /^\[?(?<name>[^\]]*?)\]?(?::(?<onlyPort>\d+))?$/u.exec(pattern)?.groups ?? {};
  if (isIP(pattern)) return pattern === host;
  if (onlyPort !== undefined && onlyPort !== port) return false;
  const bare = name.replace(/^\*?\./u, '');
  return host === bare || host.endsWith(`.${bare}`);
}

function inBlock(host: string, block: string, bits: number): boolean {
  const family = isIP(block);
  if (family === 0 || family !== isIP(host) || bits > (family === 4 ? 32 : 128)) return false;
  const version = family === 4 ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(block, bits, version);
  return list.check(host, version);
}

export interface AgentOptions {
  readonly maxSockets: number;
  /** Roots that count for servers; those of a TLS proxy are Node's own. */
  readonly ca?: readonly string[] | undefined;
}

/** Keeps connections for the next request. They do not keep the process alive. */
export async function makeAgent(
  protocol: string,
  proxy: string | undefined,
  { maxSockets, ca }: AgentOptions,
): Promise<HttpAgent> {
  const keep = { keepAlive: true, maxSockets };
  const tls = ca ? { ca: [...ca] } : {};
  if (proxy === undefined) return protocol === 'https:' ? new HttpsAgent({ ...keep, ...tls }) : new HttpAgent(keep);
  if (protocol !== 'https:') {
    const { HttpProxyAgent } = await import('http-proxy-agent');
    return new HttpProxyAgent(proxy, keep);
  }
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const agent = new HttpsProxyAgent(proxy, keep);
  // The roots belong to the server behind the proxy, and this agent takes them per connection only.
  const connect = agent.connect.bind(agent);
  agent.connect = (request, options) => connect(request, { ...options, ...tls });
  // The agent would hand the proxy's refusal to the caller as if the server had said it.
  agent.on('proxyConnect', ({ statusCode }, request) => {
    if (statusCode !== 200)
      request.destroy(Object.assign(new Error(`the proxy answered ${statusCode}`), { code: PROXY_REFUSED }));
  });
  return agent;
}
