// What both roles share: commands as JSON lines on stdin, answers and events as JSON lines on stdout.

import { createInterface } from 'node:readline';

import { ResponsesCodec } from '@ably/ai-transport/openai';
import { createUIMessageCodec } from '@ably/ai-transport/vercel';
import * as Ably from 'ably';

const CODECS = { vercel: () => createUIMessageCodec(), 'openai-responses': () => ResponsesCodec };

const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Tell the story something that it did not ask for. */
export const tell = (event, details) => write({ event, ...details });

export const errorOf = (error) =>
  error === undefined
    ? null
    : { code: error.code ?? null, message: String(error.message ?? error) };

/** A connection and what a session needs of it. */
export const connect = ({ key, port, clientId, channel, codec, binary, rollup, historyPageSize }) => {
  const client = new Ably.Realtime({
    key,
    clientId,
    endpoint: '127.0.0.1',
    port,
    tls: false,
    useBinaryProtocol: binary,
    disconnectedRetryTimeout: 200,
    logHandler: () => {},
    ...(rollup === null ? {} : { transportParams: { appendRollupWindow: String(rollup) } }),
  });
  return {
    client,
    options: {
      client,
      channelName: channel,
      codec: CODECS[codec](),
      ...(historyPageSize === null ? {} : { historyPageSize }),
    },
  };
};

/** Things by name, which commands refer to. */
export class Shelf {
  #things = new Map();
  #count = 0;

  add(thing) {
    this.#count += 1;
    this.#things.set(this.#count, thing);
    return this.#count;
  }

  get(number) {
    const thing = this.#things.get(number);
    if (thing === undefined) throw new Error(`there is no thing ${number}`);
    return thing;
  }

  all() {
    return [...this.#things.values()];
  }
}

/** Do what commands say, each on its own: one that waits holds up no other. */
export const serve = (roles, leave) => {
  const answer = async ({ id, do: name, ...details }) => {
    try {
      const [role, verb] = name.split('.');
      const command = roles[role]?.[verb];
      if (command === undefined) throw new Error(`there is no command ${name}`);
      write({ id, ok: (await command(details)) ?? null });
    } catch (error) {
      write({ id, error: errorOf(error) });
    }
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', (line) => void answer(JSON.parse(line)));
  lines.on('close', async () => {
    await leave();
    process.exit(0);
  });
};
