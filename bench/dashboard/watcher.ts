import { WebSocket } from 'ws';
import { serveInspector } from '../../src/cli/up/inspector.js';

/** A relay with a receiver that hears all, in a process of its own: what they cost is not a planner's. */
let messages = 0;
const relay = await serveInspector(null);
const receiver = new WebSocket(relay.url, { perMessageDeflate: false });
receiver.on('message', () => {
  messages++;
});
receiver.on('open', () => process.send?.({ url: relay.url, messages }));
process.on('message', () => process.send?.({ url: relay.url, messages }));
process.on('disconnect', () => process.exit(0));
