// Offline and isolation. One version of the bundle is one cache, whole or not there: every file was checked against the sha256
// in the list below, which tools/bundle.py writes. An update fetches what changed and waits until the trader accepts it.

const BUNDLE = /* precache */ null;
const SCOPE = self.registration.scope;
const FAMILY = `kontor ${new URL(SCOPE).pathname} `; // other paths of this origin may hold another Kontor
const OWN = FAMILY + BUNDLE.version;
const API = `kontor-api ${new URL(SCOPE).pathname}`;
const API_ENTRIES = 100;
const API_LIFETIME_MS = 15 * 60_000;
const KEPT = "x-kontor-kept"; // when an API response was kept, ms since 1970
const FETCHES = 6;

const FILES = new Map([...BUNDLE.files, ...BUNDLE.later].map(([path, sha256]) => [path, sha256]));
const LATER = new Set(BUNDLE.later.map(([path]) => path));
const urlOf = (path) => new URL(path, SCOPE).href;

const digest = async (bytes) =>
  Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const isRight = async (response, path) => (await digest(await response.clone().arrayBuffer())) === FILES.get(path);

// Install: the cache fills with what an older version holds already, the rest comes from the network.
const families = async () => (await caches.keys()).filter((name) => name.startsWith(FAMILY));

const held = async (path, names) => {
  for (const name of names) {
    const response = await (await caches.open(name)).match(urlOf(path), { ignoreVary: true });
    if (response && (await isRight(response, path))) return response;
  }
};

const fetched = async (path) => {
  let status;
  for (const cache of ["no-cache", "reload"]) {
    const response = await fetch(urlOf(path), { cache, credentials: "same-origin" });
    status = response.status;
    if (response.ok && (await isRight(response, path))) {
      // A redirected response may not answer a navigation.
      return response.redirected ? new Response(response.body, { headers: response.headers }) : response;
    }
  }
  throw new Error(status === 200 ? `${path} is not the file that this version lists` : `${path}: the server answered ${status}`);
};

const fill = async () => {
  const names = await families();
  const cache = await caches.open(OWN);
  const queue = BUNDLE.files.map(([path]) => path);
  const work = async () => {
    for (let path = queue.pop(); path; path = queue.pop()) await cache.put(urlOf(path), (await held(path, names)) ?? (await fetched(path)));
  };
  await Promise.all(Array.from({ length: FETCHES }, work));
};

const tell = async (message) => {
  for (const client of await self.clients.matchAll({ includeUncontrolled: true, type: "window" })) client.postMessage(message);
};

self.addEventListener("install", (event) => {
  const work = fill().catch(async (error) => {
    await tell({ type: "update-failed", version: BUNDLE.version, reason: String(error.message) });
    throw error;
  });
  event.waitUntil(work);
});

self.addEventListener("activate", (event) => {
  const work = async () => {
    const later = await caches.open(OWN);
    const names = (await families()).filter((name) => name !== OWN);
    for (const path of LATER) {
      const response = await held(path, names);
      if (response) await later.put(urlOf(path), response);
    }
    await Promise.all(names.map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(work());
});

self.addEventListener("message", (event) => {
  if (event.data?.type === "accept-update") event.waitUntil(self.skipWaiting());
});

// Fetch: the bundle from the own cache, the API from the network, all else untouched.
self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const home = new URL(SCOPE);
  if (origin === home.origin && pathname === `${home.pathname}sw/fetch`) return event.respondWith(onBehalf(request));
  if (request.cache === "no-store" && !request.destination) return; // the desk's own requests, which it keeps copies of by itself
  if (request.method !== "GET" || origin !== home.origin || !pathname.startsWith(home.pathname)) return;
  if (request.headers.has("range") || (request.cache === "only-if-cached" && request.mode !== "same-origin")) return;
  const path = decodeURIComponent(pathname.slice(home.pathname.length)) || "index.html";
  if (FILES.has(path)) event.respondWith(bundled(request, path));
  else if (path.startsWith("api/")) event.respondWith(fromApi(event));
});

const bundled = async (request, path) => {
  const cache = await caches.open(OWN);
  let response = await cache.match(urlOf(path), { ignoreVary: true });
  if (!response) {
    try {
      response = await fetched(path);
    } catch (error) {
      return new Response(`Kontor: ${error.message}`, { status: 502, headers: { "content-type": "text/plain" } });
    }
    await cache.put(urlOf(path), response.clone());
  }
  return guarded(request, response);
};

// Documents and workers get the headers that their host did not send. Everything else goes out as it was fetched, so that
// the browser keeps its compiled wasm.
const guarded = (request, response) => {
  const policy = { document: BUNDLE.pagePolicy, worker: BUNDLE.workerPolicy, sharedworker: BUNDLE.workerPolicy }[request.destination];
  if (!policy) return response;
  const headers = new Headers(response.headers);
  const wanted = {
    "content-security-policy": policy,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
  for (const [name, value] of Object.entries(wanted)) if (!headers.has(name)) headers.set(name, value);
  for (const name of ["content-encoding", "content-length"]) headers.delete(name); // the body is unpacked by now
  return new Response(response.body, { headers }); // a new response also keeps the query in the worker's location
};

// A request to another site for the desk. Only its own code can ask (the mark is a header that no link, image or form can set), and
// nothing that comes back is ever a page of this site.
const onBehalf = async (request) => {
  const marks = { "x-kontor-sw": "1", "x-content-type-options": "nosniff", "content-security-policy": "sandbox; default-src 'none'" };
  const refuse = (code, status) => new Response(`Kontor: ${code}`, { status, headers: { ...marks, "content-type": "text/plain", "x-kontor-error": code } });
  if (request.headers.get("x-kontor") !== "1" || request.mode === "navigate" || request.method !== "GET") return refuse("bad_request", 400);
  let blocked = false;
  const note = () => (blocked = true);
  self.addEventListener("securitypolicyviolation", note);
  try {
    const response = await fetch(new URL(request.url).searchParams.get("url"), {
      method: request.method,
      headers: JSON.parse(request.headers.get("x-kontor-headers") ?? "{}"),
      credentials: "omit",
      referrerPolicy: "no-referrer",
      cache: "no-store",
      redirect: request.headers.get("x-kontor-redirects") === "follow" ? "follow" : "manual",
      signal: request.signal,
    });
    if (response.type === "opaqueredirect") return refuse("redirect", 502);
    const headers = new Headers(response.headers);
    for (const name of ["content-encoding", "content-length", "x-kontor-error"]) headers.delete(name);
    for (const [name, value] of Object.entries({ ...marks, "x-kontor-url": response.url })) headers.set(name, value);
    return new Response([204, 205, 304].includes(response.status) ? null : response.body, { status: response.status, headers });
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 20)); // the policy's report follows the failure
    return refuse(blocked ? "policy" : "network", 502);
  } finally {
    self.removeEventListener("securitypolicyviolation", note);
  }
};

// The API: the network first; without it the last answer, marked with its age, while it is young enough.
const fromApi = async (event) => {
  const { request } = event;
  const cache = await caches.open(API);
  try {
    const response = await fetch(request);
    if (response.ok && !/no-store|private/.test(response.headers.get("cache-control") ?? "")) event.waitUntil(keep(cache, request, response.clone()));
    return response;
  } catch {
    const kept = await cache.match(request);
    const age = kept ? Date.now() - Number(kept.headers.get(KEPT)) : Infinity;
    if (age > API_LIFETIME_MS) return Response.json({ error: "offline", detail: "the proxy cannot be reached" }, { status: 504 });
    const headers = new Headers(kept.headers);
    headers.set("x-kontor-stale", String(Math.round(age / 1000)));
    return new Response(kept.body, { headers });
  }
};

const keep = async (cache, request, response) => {
  const headers = new Headers(response.headers);
  headers.set(KEPT, String(Date.now()));
  await cache.put(request, new Response(response.body, { headers }));
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - API_ENTRIES))) await cache.delete(old);
};
