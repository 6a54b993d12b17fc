/** Where everything is. A server may say so in `config.json`; what the build's environment says counts more. */
export interface Config {
  /** A server that speaks Ably's protocol; without it, Ably itself. */
  endpoint?: string | null;
  /** The agent's route for invocations. */
  apiUrl: string;
  /** The agent's route for Ably tokens. */
  authUrl: string;
  sessionName: string;
  /** What one could ask. */
  suggestions?: string[];
  /** Routes that break things on purpose; only a demo has them. */
  adminUrl?: string | null;
}

const environment = import.meta.env;

const fromBuild = {
  endpoint: environment.VITE_ABLY_ENDPOINT,
  apiUrl: environment.VITE_API_URL,
  authUrl: environment.VITE_AUTH_URL,
  sessionName: environment.VITE_SESSION_NAME,
};

const defaults: Config = { apiUrl: '/api/chat', authUrl: '/api/token', sessionName: 'chat:1' };

/** The configuration for one device. A missing `config.json` is no error: then the defaults and the build decide. */
export async function loadConfig(device = ''): Promise<Config> {
  const response = await fetch(`config.json?${new URLSearchParams({ device })}`);
  const isJson = response.headers.get('content-type')?.includes('json');
  const fromServer = response.ok && isJson ? ((await response.json()) as Partial<Config>) : {};
  const given = Object.fromEntries(Object.entries(fromBuild).filter(([, value]) => value));
  return { ...defaults, ...fromServer, ...given };
}
