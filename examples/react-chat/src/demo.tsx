import { StrictMode, useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { loadConfig, type Config } from './config';
import './styles.css';

const DEVICES = [
  { device: 'a', client: 'alice' },
  { device: 'b', client: 'bob' },
];

/** Two devices side by side, each a page of its own, and what can go wrong. */
function Demo({ config }: { config: Config }) {
  const parameters = new URLSearchParams(location.search);
  const session = parameters.get('session') ?? config.session;
  const frames = useRef<(HTMLIFrameElement | null)[]>([]);
  const [down, setDown] = useState<Record<string, boolean>>({});
  const [note, setNote] = useState('');

  const order = async (path: string, body: object) => {
    const response = await fetch(`${config.admin}/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!response.ok) setNote(`That did not work: ${response.status} ${await response.text()}`);
    return response.ok;
  };
  const cut = async (device: string) => {
    const isDown = !down[device];
    if (await order('network', { device, up: !isDown })) setDown({ ...down, [device]: isDown });
  };
  const kill = async () => {
    setNote('Killing the agent…');
    if (await order('kill', {})) setNote('The agent was killed; another one gives what was open anew.');
  };
  const cancel = () => frames.current.at(-1)?.contentWindow?.postMessage('cancel', location.origin);

  return (
    <div className="demo">
      <nav>
        <h1>One chat, two devices</h1>
        {DEVICES.map(({ device, client }) => (
          <button
            key={device}
            type="button"
            data-testid={`cut-${device}`}
            aria-pressed={Boolean(down[device])}
            disabled={!config.admin}
            onClick={() => void cut(device)}
          >
            {down[device] ? `Restore ${client}’s network` : `Cut ${client}’s network`}
          </button>
        ))}
        <button type="button" data-testid="kill-agent" disabled={!config.admin} onClick={() => void kill()}>
          Kill the agent
        </button>
        <button type="button" data-testid="cancel" onClick={cancel}>
          Cancel, as bob
        </button>
        <output className="quiet">{note}</output>
      </nav>
      <div className="devices">
        {DEVICES.map(({ device, client }, index) => (
          <iframe
            key={device}
            title={client}
            name={client}
            data-testid={`device-${device}`}
            ref={(element) => {
              frames.current[index] = element;
            }}
            src={`index.html?${new URLSearchParams({ session, client, device, panel: '1' })}`}
          />
        ))}
      </div>
    </div>
  );
}

const config = await loadConfig();
createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <Demo config={config} />
  </StrictMode>,
);
