// A device of the official client, which does what a story says.

import { createClientSession } from '@ably/ai-transport';

import { connect, errorOf, Shelf, tell } from './driver.mjs';

const devices = new Shelf();
const turns = new Shelf();
const steers = new Shelf();

const runOf = ({ runId, status, clientId, steps, error }) => ({
  runId,
  status,
  clientId,
  error: errorOf(error),
  steps: steps.map(({ stepId, status, attemptCount }) => ({ stepId, status, attemptCount })),
});

const entries = (messages) => messages.map(({ codecMessageId, message }) => ({ id: codecMessageId, message }));

const begun = (handle) => ({
  turn: turns.add(handle),
  eventId: handle.inputEventId,
  messageId: handle.inputCodecMessageId,
});

const settled = (promise) =>
  promise.then(
    (value) => ({ value }),
    (error) => ({ error: errorOf(error) }),
  );

const open = async (details) => {
  const { client, options } = connect(details);
  const session = createClientSession(options);
  const device = { client, session, errors: [] };
  const number = devices.add(device);
  const changed = () => tell('changed', { device: number });
  session.on('error', (error) => {
    device.errors.push(errorOf(error));
    changed();
  });
  session.tree.on('ably-message', changed);
  session.tree.on('update', changed);
  session.view.on('update', changed);
  await session.connect();
  return number;
};

const view = (device) => devices.get(device).session.view;

export const commands = {
  open,
  send: async ({ device, inputs, options }) => begun(await view(device).send(inputs, options)),
  edit: async ({ device, message, inputs }) => begun(await view(device).edit(message, inputs)),
  regenerate: async ({ device, message }) => begun(await view(device).regenerate(message)),
  cancelRun: ({ device, runId }) => devices.get(device).session.cancel(runId),
  messages: ({ device }) => entries(view(device).getMessages()),
  runs: ({ device }) => view(device).runs().map(runOf),
  errors: ({ device }) => devices.get(device).errors,
  hasOlder: ({ device }) => view(device).hasOlder(),
  loadOlder: async ({ device, limit }) => entries(await view(device).loadOlder(limit)),
  versions: ({ device, message }) => {
    const { index, siblings } = view(device).branchSelection(message);
    return { index, count: siblings.length };
  },
  select: ({ device, message, index }) => view(device).branchSelection(message).select(index),
  connectionId: ({ device }) => devices.get(device).client.connection.id,
  close: async ({ device }) => {
    const { client, session } = devices.get(device);
    await session.close();
    client.close();
  },

  started: async ({ turn }) => {
    const handle = turns.get(turn);
    await handle.started;
    return handle.runId;
  },
  exchange: ({ turn }) => turns.get(turn).messages,
  cancel: ({ turn }) => turns.get(turn).cancel(),
  steer: ({ turn, input }) => {
    const { published, outcome } = turns.get(turn).steer(input);
    return steers.add({ published: settled(published), outcome: settled(outcome) });
  },
  published: async ({ steer }) => {
    const { error } = await steers.get(steer).published;
    return error ?? null;
  },
  outcome: async ({ steer }) => steers.get(steer).outcome,
};

export const leave = () => {
  for (const { client } of devices.all()) client.close();
};
