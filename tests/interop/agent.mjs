// An agent of the official SDK, whose "model" says what a story feeds it.

import { createAgentSession, Invocation } from '@ably/ai-transport';
import { ErrorInfo } from 'ably';

import { connect, errorOf, Shelf } from './driver.mjs';

const agents = new Shelf();
const runs = new Shelf();
const steps = new Shelf();
const pipes = new Shelf();

/** What a model streams, as it is fed. */
class Feed {
  #items = [];
  #wake = () => {};
  #over = false;
  #failure;

  give(items) {
    this.#items.push(...items);
    this.#wake();
  }

  end(failure) {
    this.#over = true;
    this.#failure = failure;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#items.length > 0) yield this.#items.shift();
      if (this.#failure !== undefined) throw new Error(this.#failure);
      if (this.#over) return;
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const open = async (details) => {
  const { client, options } = connect(details);
  const session = createAgentSession(options);
  const agent = { client, session, errors: [] };
  session.on('error', (error) => agent.errors.push(errorOf(error)));
  await session.connect();
  return agents.add(agent);
};

const load = async (run) => {
  while (run.view.hasOlder()) await run.view.loadOlder(100);
};

const started = async ({ run }) => {
  const each = runs.get(run);
  await load(each);
  await each.start();
  return each.runId;
};

export const commands = {
  open,
  createRun: ({ agent, invocation, identity }) =>
    runs.add(agents.get(agent).session.createRun(Invocation.fromJSON(invocation), identity)),
  start: started,
  prompt: ({ run }) =>
    runs
      .get(run)
      .view.getMessages()
      .map(({ message }) => message),
  messages: ({ run }) => runs.get(run).messages,
  hasInput: ({ run }) => runs.get(run).hasInput(),
  cancelled: ({ run }) =>
    new Promise((resolve) => {
      const { abortSignal } = runs.get(run);
      if (abortSignal.aborted) resolve();
      else abortSignal.addEventListener('abort', () => resolve(), { once: true });
    }),
  pipe: ({ run, step }) => {
    const feed = new Feed();
    const target = step === null ? runs.get(run) : steps.get(step);
    return pipes.add({ feed, result: target.pipe(feed) });
  },
  feed: ({ pipe, items }) => pipes.get(pipe).feed.give(items),
  finish: ({ pipe, failure }) => pipes.get(pipe).feed.end(failure ?? undefined),
  piped: async ({ pipe }) => {
    const { reason, error } = await pipes.get(pipe).result;
    return { reason, error: errorOf(error) };
  },
  step: async ({ run, stepId }) => {
    const step = runs.get(run).createStep(stepId === null ? {} : { stepId });
    await step.start();
    return { step: steps.add(step), stepId: step.stepId };
  },
  endStep: ({ step, reason }) => steps.get(step).end(reason === null ? {} : { reason }),
  suspend: ({ run }) => runs.get(run).suspend(),
  end: ({ run, reason, error }) =>
    runs
      .get(run)
      .end(error === null ? { reason } : { reason, error: new ErrorInfo(error.message, error.code, 500) }),
  errors: ({ agent }) => agents.get(agent).errors,
  connectionId: ({ agent }) => agents.get(agent).client.connection.id,
  close: async ({ agent }) => {
    const { client, session } = agents.get(agent);
    await session.detach();
    client.close();
  },
};

export const leave = () => {
  for (const { client } of agents.all()) client.close();
};
