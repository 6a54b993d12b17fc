// The message that the AI SDK makes of UI message chunks, as `useChat` does, and what it found wrong with them.

import { text } from 'node:stream/consumers';

import { readUIMessageStream } from 'ai';

const chunks = JSON.parse(await text(process.stdin));
const errors = [];
let message = null;
const stream = ReadableStream.from(chunks);
for await (const state of readUIMessageStream({ stream, onError: (error) => errors.push(String(error)) })) {
  message = state;
}
process.stdout.write(JSON.stringify({ message, errors }));
