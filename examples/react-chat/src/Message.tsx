import { isToolUIPart, type UIMessage } from 'ai';
import { useState } from 'react';
import { Reasoning, Text, Tool } from './parts';
import type { Conversation, Entry } from './useConversation';

const ENDINGS: Record<string, string> = {
  cancelled: 'Stopped',
  error: 'Failed',
  suspended: 'Waiting for an answer',
};

interface MessageProps {
  entry: Entry;
  conversation: Conversation;
}

/** One message, with what can be done about it. */
export function Message({ entry, conversation }: MessageProps) {
  const { message, status } = entry;
  const isUser = message.role === 'user';
  const shown = isUser ? 'sent' : status === 'active' ? 'streaming' : (status ?? 'streaming');
  const [draft, setDraft] = useState<string>();
  const isIdle = conversation.status === 'idle';
  return (
    <article
      className={`message ${message.role}`}
      data-testid="message"
      data-role={message.role}
      data-message-id={entry.id}
      data-status={shown}
    >
      {draft === undefined ? (
        <div className="bubble">
          {joined(message.parts).map((part, index) => (
            <Part key={index} part={part} isLive={shown === 'streaming'} onAnswer={conversation.answer} />
          ))}
        </div>
      ) : (
        <Editor
          text={draft}
          onCancel={() => setDraft(undefined)}
          onSave={(text) => {
            setDraft(undefined);
            void conversation.edit(message, text);
          }}
        />
      )}
      {entry.runError && !isUser && <p className="failure">{entry.runError}</p>}
      <footer>
        {!isUser && ENDINGS[shown] && <span className="quiet">{ENDINGS[shown]}</span>}
        <Branches entry={entry} />
        {isUser && isIdle && draft === undefined && (
          <button type="button" data-testid="edit" onClick={() => setDraft(textOf(message))}>
            Edit
          </button>
        )}
        {!isUser && isIdle && entry.isLast && shown !== 'suspended' && (
          <button type="button" data-testid="regenerate" onClick={() => void conversation.regenerate(message)}>
            Regenerate
          </button>
        )}
      </footer>
    </article>
  );
}

interface PartProps {
  part: UIMessage['parts'][number];
  isLive: boolean;
  onAnswer: Conversation['answer'];
}

function Part({ part, isLive, onAnswer }: PartProps) {
  if (part.type === 'text') return <Text text={part.text} />;
  if (part.type === 'reasoning') return <Reasoning text={part.text} isLive={isLive && part.state === 'streaming'} />;
  if (isToolUIPart(part)) return <Tool part={part} onAnswer={onAnswer} />;
  if (part.type === 'source-url') {
    return (
      <a className="source" href={part.url} target="_blank" rel="noreferrer">
        {part.title ?? part.url}
      </a>
    );
  }
  if (part.type === 'file' && part.mediaType.startsWith('image/')) return <img src={part.url} alt={part.filename} />;
  return null;
}

function Branches({ entry: { branch } }: { entry: Entry }) {
  if (branch.count < 2) return null;
  return (
    <span className="branches">
      <button
        type="button"
        data-testid="branch-prev"
        aria-label="Previous version"
        disabled={branch.index === 0}
        onClick={() => branch.select(branch.index - 1)}
      >
        ‹
      </button>
      <span data-testid="branch-label">
        {branch.index + 1} / {branch.count}
      </span>
      <button
        type="button"
        data-testid="branch-next"
        aria-label="Next version"
        disabled={branch.index === branch.count - 1}
        onClick={() => branch.select(branch.index + 1)}
      >
        ›
      </button>
    </span>
  );
}

interface EditorProps {
  text: string;
  onSave: (text: string) => void;
  onCancel: () => void;
}

function Editor({ text, onSave, onCancel }: EditorProps) {
  const [draft, setDraft] = useState(text);
  return (
    <form
      className="editor"
      onSubmit={(event) => {
        event.preventDefault();
        if (draft.trim()) onSave(draft.trim());
      }}
    >
      <textarea
        data-testid="edit-box"
        aria-label="Edit message"
        rows={3}
        autoFocus
        value={draft}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => event.key === 'Escape' && onCancel()}
      />
      <div>
        <button type="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="submit" className="primary" data-testid="edit-save" disabled={!draft.trim()}>
          Send
        </button>
      </div>
    </form>
  );
}

/** The parts of a message; thoughts that come one after the other are one part. */
function joined(parts: UIMessage['parts']): UIMessage['parts'] {
  const found: UIMessage['parts'] = [];
  for (const part of parts) {
    const last = found.at(-1);
    if (part.type === 'reasoning' && last?.type === 'reasoning') {
      found[found.length - 1] = { ...part, text: `${last.text}\n\n${part.text}` };
    } else if (part.type !== 'step-start') {
      found.push(part);
    }
  }
  return found;
}

function textOf(message: UIMessage): string {
  return message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('');
}
