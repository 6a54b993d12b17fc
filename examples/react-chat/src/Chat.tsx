import type * as Ably from 'ably';
import { useEffect, useLayoutEffect, useRef } from 'react';
import { Composer } from './Composer';
import { useConnection } from './connection';
import { Message } from './Message';
import { useConversation, type Conversation } from './useConversation';

interface ChatProps {
  client: Ably.Realtime;
  sessionName: string;
  isPanel: boolean;
  pageSize: number;
  suggestions: string[];
}

/** One device. */
export function Chat({ client, sessionName, isPanel, pageSize, suggestions }: ChatProps) {
  const conversation = useConversation(pageSize);
  const connection = useConnection(client);
  useOrders(conversation);
  return (
    <div className={isPanel ? 'chat panel' : 'chat'}>
      <header>
        <span className="avatar">{client.auth.clientId?.slice(0, 1).toUpperCase()}</span>
        <strong>{client.auth.clientId}</strong>
        {!isPanel && <span className="quiet">{sessionName}</span>}
        <span className="status" data-testid="status" data-state={conversation.status}>
          {conversation.status}
        </span>
        {!isPanel && (
          <a href={secondDevice(sessionName)} target="_blank" rel="noreferrer">
            Open a second device
          </a>
        )}
      </header>
      <Offline state={connection.state} reason={connection.reason} />
      {conversation.error && (
        <div className="banner error" role="alert" data-testid="error">
          <span>{conversation.error}</span>
          <button type="button" onClick={conversation.clearError} aria-label="Dismiss">
            ×
          </button>
        </div>
      )}
      <Messages conversation={conversation} suggestions={suggestions} />
      <Composer
        isReady={conversation.isReady}
        isBusy={conversation.status !== 'idle'}
        onSend={(text) => void conversation.send(text)}
        onStop={() => void conversation.stop()}
      />
    </div>
  );
}

function Messages({ conversation, suggestions }: { conversation: Conversation; suggestions: string[] }) {
  const { entries, hasOlder, isLoading, loadOlder } = conversation;
  const list = useStickToEnd(entries);
  return (
    <main ref={list}>
      {hasOlder && (
        <button
          type="button"
          className="older"
          data-testid="load-older"
          disabled={isLoading}
          onClick={() => void loadOlder()}
        >
          {isLoading ? 'Loading…' : 'Load older messages'}
        </button>
      )}
      {entries.length === 0 && !hasOlder && (
        <div className="welcome">
          <p>Ask something. Every device in this session sees the answer as it comes.</p>
          {suggestions.map((text) => (
            <button key={text} type="button" className="suggestion" onClick={() => void conversation.send(text)}>
              {text}
            </button>
          ))}
        </div>
      )}
      {entries.map((entry) => (
        <Message key={entry.id} entry={entry} conversation={conversation} />
      ))}
      {conversation.status !== 'idle' && entries.at(-1)?.message.role === 'user' && (
        <div className="thinking" aria-label="The agent is thinking">
          <i />
          <i />
          <i />
        </div>
      )}
    </main>
  );
}

function Offline({ state, reason }: { state: Ably.ConnectionState; reason?: string | undefined }) {
  if (state === 'connected' || state === 'initialized') return null;
  if (state === 'connecting' && !reason) return null; // the first time
  return (
    <div className="banner offline" role="status" data-testid="offline" data-state={state}>
      Offline: {state === 'failed' ? (reason ?? 'the connection failed') : 'what you missed comes when you are back'}
    </div>
  );
}

/** Keep the end in sight while it grows, unless the reader has scrolled away from it. */
function useStickToEnd(entries: unknown) {
  const list = useRef<HTMLElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const element = list.current!;
    const note = () => {
      isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
    };
    element.addEventListener('scroll', note);
    return () => element.removeEventListener('scroll', note);
  }, []);
  useLayoutEffect(() => {
    if (isAtEnd.current) list.current!.scrollTop = list.current!.scrollHeight;
  }, [entries]);
  return list;
}

/** Do what the page that frames this one asks for. */
function useOrders({ stop }: Conversation) {
  const latest = useRef(stop);
  latest.current = stop;
  useEffect(() => {
    const obey = (event: MessageEvent) => {
      if (event.origin === location.origin && event.data === 'cancel') void latest.current();
    };
    addEventListener('message', obey);
    return () => removeEventListener('message', obey);
  }, []);
}

function secondDevice(session: string): string {
  return `?${new URLSearchParams({ session, client: `guest-${crypto.randomUUID().slice(0, 4)}` })}`;
}
