import { getToolName, type DynamicToolUIPart, type ToolUIPart } from 'ai';
import { memo, useState } from 'react';
import Markdown from 'react-markdown';
import remarkGfm from 'remark-gfm';

const PLUGINS = [remarkGfm];

/** Markdown as it grows; only what changed is parsed again. */
export const Text = memo(function Text({ text }: { text: string }) {
  return (
    <div className="text" data-testid="text">
      <Markdown remarkPlugins={PLUGINS}>{text}</Markdown>
    </div>
  );
});

/** What a model thought; open while it thinks, until the reader decides. */
export function Reasoning({ text, isLive }: { text: string; isLive: boolean }) {
  const [choice, setChoice] = useState<boolean>();
  if (!text) return null;
  const isOpen = choice ?? isLive;
  return (
    <details className="reasoning" data-testid="reasoning" open={isOpen}>
      <summary
        onClick={(event) => {
          event.preventDefault();
          setChoice(!isOpen);
        }}
      >
        {isLive ? 'Thinking…' : 'Thoughts'}
      </summary>
      <Markdown remarkPlugins={PLUGINS}>{text}</Markdown>
    </details>
  );
}

const STATES: Record<string, string> = {
  'input-streaming': 'being called',
  'input-available': 'running',
  'approval-requested': 'needs your approval',
  'approval-responded': 'answered',
  'output-available': 'done',
  'output-error': 'failed',
  'output-denied': 'denied',
};

interface ToolProps {
  part: ToolUIPart | DynamicToolUIPart;
  onAnswer: (approvalId: string, approved: boolean) => void;
}

/** A tool call: what was asked of it, what it said, and whether it may. */
export function Tool({ part, onAnswer }: ToolProps) {
  const name = getToolName(part);
  return (
    <section className="tool" data-testid="tool" data-tool={name} data-state={part.state}>
      <h4>
        <code>{name}</code>
        <span className="badge">{STATES[part.state] ?? part.state}</span>
      </h4>
      {part.input !== undefined && <Json label="Input" value={part.input} />}
      {part.state === 'approval-requested' && (
        <div className="approval">
          <button
            type="button"
            className="primary"
            data-testid="approve"
            onClick={() => onAnswer(part.approval.id, true)}
          >
            Approve
          </button>
          <button type="button" data-testid="deny" onClick={() => onAnswer(part.approval.id, false)}>
            Deny
          </button>
        </div>
      )}
      {part.state === 'output-available' && <Json label="Result" value={part.output} />}
      {part.state === 'output-error' && <p className="failure">{part.errorText}</p>}
    </section>
  );
}

function Json({ label, value }: { label: string; value: unknown }) {
  return (
    <dl>
      <dt>{label}</dt>
      <dd>
        <pre>{typeof value === 'string' ? value : JSON.stringify(value, null, 2)}</pre>
      </dd>
    </dl>
  );
}
