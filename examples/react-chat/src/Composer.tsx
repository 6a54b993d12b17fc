import { useState, type FormEvent, type KeyboardEvent } from 'react';

interface ComposerProps {
  isReady: boolean;
  isBusy: boolean;
  onSend: (text: string) => void;
  onStop: () => void;
}

/** Where one writes. Enter sends, Shift+Enter begins a line. */
export function Composer({ isReady, isBusy, onSend, onStop }: ComposerProps) {
  const [text, setText] = useState('');
  const send = (event: FormEvent | KeyboardEvent) => {
    event.preventDefault();
    const said = text.trim();
    if (!said || isBusy) return;
    setText('');
    onSend(said);
  };
  return (
    <form className="composer" onSubmit={send}>
      <textarea
        data-testid="composer"
        aria-label="Message"
        placeholder={isReady ? 'Say something' : 'Connecting…'}
        disabled={!isReady}
        rows={1}
        value={text}
        onChange={(event) => setText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) send(event);
        }}
      />
      {isBusy ? (
        <button type="button" className="stop" data-testid="stop" onClick={onStop}>
          Stop
        </button>
      ) : (
        <button type="submit" className="primary" data-testid="send" disabled={!text.trim()}>
          Send
        </button>
      )}
    </form>
  );
}
