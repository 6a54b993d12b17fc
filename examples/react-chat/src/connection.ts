import * as Ably from 'ably';
import { useEffect, useState } from 'react';
import type { Config } from './config';

/** A connection as that client, with tokens from the agent's own route. */
export function connect(config: Config, sessionName: string, clientId: string): Ably.Realtime {
  const options: Ably.ClientOptions = {
    clientId,
    authUrl: `${config.api}/token`,
    authParams: { sessionName, clientId },
    echoMessages: true,
  };
  if (!config.endpoint) return new Ably.Realtime(options);
  const { hostname, port, protocol } = new URL(config.endpoint);
  const tls = protocol === 'https:';
  return new Ably.Realtime({
    ...options,
    endpoint: hostname,
    tls,
    ...(port ? { [tls ? 'tlsPort' : 'port']: Number(port) } : {}),
    // A server on this machine needs no other way in, and no question to the internet whether there is one.
    transports: ['web_socket'],
    fallbackHosts: [],
    disableConnectivityCheck: true,
    disconnectedRetryTimeout: 1000,
    suspendedRetryTimeout: 2000,
  });
}

/** The connection's state, and why it is so. */
export function useConnection(client: Ably.Realtime): { state: Ably.ConnectionState; reason?: string } {
  const read = () => ({ state: client.connection.state, reason: client.connection.errorReason?.message });
  const [shown, show] = useState(read);
  useEffect(() => {
    const update = () => show(read());
    client.connection.on(update);
    update();
    return () => client.connection.off(update);
  }, [client]);
  return shown;
}
