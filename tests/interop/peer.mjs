// Devices and agents of the official packages, which do what a story says.

import * as agent from './agent.mjs';
import * as client from './client.mjs';
import { serve } from './driver.mjs';

serve({ agent: agent.commands, client: client.commands }, () => {
  client.leave();
  agent.leave();
});
