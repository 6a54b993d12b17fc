import { ChatTransportProvider } from '@ably/ai-transport/vercel/react';
import { AblyProvider } from 'ably/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './Chat';
import { loadConfig } from './config';
import { connect } from './connection';
import './styles.css';

/** `?session=NAME&client=NAME`; `panel=1` when another page frames this one, `limit` for the size of a history page. */
const parameters = new URLSearchParams(location.search);
const root = createRoot(document.getElementById('root')!);

try {
  const config = await loadConfig(parameters.get('device') ?? '');
  const sessionName = parameters.get('session') ?? config.session;
  const clientId = parameters.get('client') ?? rememberedName();
  const client = connect(config, sessionName, clientId);
  document.title = `${clientId} · ${sessionName}`;
  root.render(
    <StrictMode>
      <AblyProvider client={client}>
        <ChatTransportProvider channelName={sessionName} api={`${config.api}/chat`}>
          <Chat
            client={client}
            sessionName={sessionName}
            isPanel={parameters.get('panel') === '1'}
            pageSize={Number(parameters.get('limit')) || 30}
            suggestions={config.suggestions ?? []}
          />
        </ChatTransportProvider>
      </AblyProvider>
    </StrictMode>,
  );
} catch (error) {
  root.render(
    <p className="banner error" data-testid="error">
      The page cannot start: {String(error)}
    </p>,
  );
}

/** A name for a visitor without one; the same for as long as the tab lives. */
function rememberedName(): string {
  const name = sessionStorage.getItem('client') ?? `guest-${crypto.randomUUID().slice(0, 4)}`;
  sessionStorage.setItem('client', name);
  return name;
}
