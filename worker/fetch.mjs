// Requests by a worker of their own: bodies are read and counted off the desk's thread. Holds no state and no secret between
// requests; what comes back is handed over as it is, for the desk to judge.

const running = new Map();
const blocked = new Set();
addEventListener("securitypolicyviolation", ({ blockedURI }) => blocked.add(originOf(blockedURI)));

const originOf = (url) => {
  try {
    return new URL(url).origin;
  } catch {
    return "";
  }
};
const refused = (error, text) => Object.assign(new Error(text), { reason: error });

const read = async (response, max) => {
  const chunks = [];
  let size = 0;
  for await (const chunk of streamOf(response)) {
    size += chunk.length;
    if (size > max) throw refused("too_large", `more than ${max} bytes came`);
    chunks.push(chunk);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
};
async function* streamOf(response) {
  const reader = response.body?.getReader();
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) return;
    yield value;
  }
}

const why = async (error, url, aborted) => {
  if (error.reason) return error.reason;
  if (aborted) return "timeout";
  await new Promise((resolve) => setTimeout(resolve, 20)); // the policy's report follows the failure
  return blocked.has(originOf(url)) ? "policy" : "network";
};

const send = async ({ id, url, options, max, timeout }) => {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  running.set(id, abort);
  try {
    const response = await fetch(url, { ...options, signal: abort.signal });
    if (response.type === "opaqueredirect") throw refused("redirect", "it redirects elsewhere, which is not followed");
    const body = await read(response, max);
    postMessage({ id, error: "", status: response.status, headers: [...response.headers], url: response.url, body }, [body.buffer]);
  } catch (error) {
    const reason = await why(error, url, abort.signal.aborted);
    abort.abort();
    postMessage({ id, error: reason, text: String(error.message ?? error) });
  } finally {
    clearTimeout(timer);
    running.delete(id);
  }
};

addEventListener("message", ({ data }) => {
  if (data.cancel) running.get(data.cancel)?.abort();
  else send(data);
});
