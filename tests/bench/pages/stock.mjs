const waiting = new Set(["page", "worker"]);
globalThis.up = (name) => {
  performance.measure(`bench:${name}`, { start: 0, end: performance.now() });
  waiting.delete(name);
  if (!waiting.size) performance.measure("bench:boot", { start: 0, end: performance.now() });
};
