/** Where everything is. A server may say so in `config.json`; what the build's environment says counts more. */
export interface Config {
  /** A server that speaks Ably's protocol; without it, Ably itself. */
  endpoint?: string | null;
  /** The agent's application: it has the routes `chat`, for invocations, and `token`. */
  api: string;
  /** The session of pages whose address names none. */
  session: string;
  /** What one could ask. */
  suggestions?: string[];
  /** Routes that break things on purpose; only a demo has them. */
  admin?: string | null;
}

const fromBuild: Partial<Config> = {
  endpoint: import.meta.env.VITE_ABLY_ENDPOINT,
  api: import.meta.env.VITE_API,
  session: import.meta.env.VITE_SESSION,
};

const defaults: Config = { api: '/api', session: 'chat:1' };

/** The configuration for one device. A missing `config.json` is no error: then the defaults and the build decide. */
export async function loadConfig(device = ''): Promise<Config> {
  const response = await fetch(`config.json?${new URLSearchParams({ device })}`);
  const isJson = response.headers.get('content-type')?.includes('json');
  const fromServer = response.ok && isJson ? ((await response.json()) as Partial<Config>) : {};
  const given = Object.fromEntries(Object.entries(fromBuild).filter(([, value]) => value));
  return { ...defaults, ...fromServer, ...given };
}
