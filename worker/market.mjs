// The market worker: the sockets of markets, beside the desk's worker, whose thread orders need. What comes in is read to columns here
// and handed over in pieces. Knows no venue. app/platform/sockets.mjs speaks with it.

import { makeReader } from "../app/platform/columns.mjs";
import { gather } from "../app/platform/gathering.mjs";

const sockets = new Map();
addEventListener("message", ({ data: { id, connect, told, worked, send, close } }) => {
  if (connect) {
    const tell = (what, transfer) => {
      if (what.closed) sockets.delete(id);
      postMessage({ id, ...what }, transfer);
    };
    try {
      sockets.set(id, gather(connect, makeReader(told), tell));
    } catch (error) {
      tell({ closed: [1006, String(error.message)] });
    }
    return;
  }
  const socket = sockets.get(id);
  if (!socket) return; // closed meanwhile
  if (worked !== undefined) socket.worked(worked);
  else if (send !== undefined) socket.send(send);
  else if (close) socket.close(...close);
});
postMessage({ now: performance.now() });
