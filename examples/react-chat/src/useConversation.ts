import { useChat } from '@ai-sdk/react';
import { useChatTransport, useMessageSync, useView } from '@ably/ai-transport/vercel/react';
import { lastAssistantMessageIsCompleteWithApprovalResponses, type UIMessage } from 'ai';
import { useEffect, useReducer, useState } from 'react';

export interface Branch {
  index: number;
  count: number;
  select: (index: number) => void;
}

export interface Entry {
  /** The message's id on the channel, the same on all devices. */
  id: string;
  message: UIMessage;
  /** How its run is: active, suspended, complete, cancelled, error; nothing before an agent took it up. */
  status: string | undefined;
  runError: string | undefined;
  /** Whether its run says nothing more after it. */
  isLast: boolean;
  branch: Branch;
}

/**
 * The conversation, and what can be done with it.
 *
 * `useChat` sends, edits, regenerates, approves and stops. What is shown is the session's view, which has everybody's
 * words as they come: useChat's own list stands still for others while it receives an answer itself.
 */
export function useConversation(pageSize: number) {
  const { session, chatTransport, sessionError } = useChatTransport();
  const chat = useChat({
    transport: chatTransport,
    sendAutomaticallyWhen: lastAssistantMessageIsCompleteWithApprovalResponses,
  });
  useMessageSync({ setMessages: chat.setMessages });
  const view = useView({ limit: pageSize });
  const [failure, setFailure] = useState<string>();
  const [isReady, setReady] = useState(false);
  const [, refresh] = useReducer((count: number) => count + 1, 0);

  useEffect(() => {
    if (sessionError) return undefined;
    setReady(false);
    session.connect().then(
      () => setReady(true),
      (error: Error) => setFailure(error.message),
    );
    return session.on('error', (error) => setFailure(error.message));
  }, [session, sessionError]);

  // Another device's edit changes nothing that is shown here, but how many versions there are of it.
  useEffect(() => (sessionError ? undefined : session.tree.on('update', refresh)), [session, sessionError]);

  const entries: Entry[] = view.messages.map(({ codecMessageId: id, message }, place, all) => {
    const run = view.runOf(id);
    const found = view.branchSelection(id);
    return {
      id,
      message,
      status: run?.status,
      runError: run?.status === 'error' ? (run.error?.message ?? 'the agent failed') : undefined,
      isLast: all[place + 1]?.message.role !== 'assistant',
      branch: { index: found.index, count: found.siblings.length, select: (index) => found.select(index) },
    };
  });
  const active = view.runs().filter((run) => run.status === 'active');
  const isWaiting = chat.status === 'submitted' || chat.status === 'streaming';

  /** Stop what is being answered, whoever asked. */
  const stop = async () => {
    if (isWaiting) await chat.stop();
    await Promise.all(active.map((run) => session.cancel(run.runId)));
  };

  return {
    entries,
    isReady,
    status: active.length > 0 ? 'streaming' : isWaiting ? 'submitted' : 'idle',
    error: sessionError?.message ?? chat.error?.message ?? view.loadError?.message ?? failure,
    clearError: () => {
      setFailure(undefined);
      chat.clearError();
    },
    hasOlder: view.hasOlder,
    isLoading: view.loading,
    loadOlder: view.loadOlder,
    send: (text: string) => chat.sendMessage({ text }),
    edit: (message: UIMessage, text: string) => chat.sendMessage({ text, messageId: message.id }),
    regenerate: (message: UIMessage) => chat.regenerate({ messageId: message.id }),
    answer: (id: string, approved: boolean) => chat.addToolApprovalResponse({ id, approved }),
    stop,
  };
}

export type Conversation = ReturnType<typeof useConversation>;
