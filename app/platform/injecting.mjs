// A secret that has to be said to a venue as it is (a header, a log-on message) and must never be a Python value: it is put into what
// is sent here, on its way out, and only for the addresses that it was bound to. Between two uses it is a CryptoKey.

const MARK = "{secret}"; // where the secret belongs, as Python writes it
const MOST_BYTES = 512;

// The secret in a buffer as it was typed, without blanks around it; null for what cannot stand in a header.
export const fit = (typed) => {
  const blank = (byte) => byte === 32 || byte === 9 || byte === 10 || byte === 13;
  let [start, end] = [0, typed.length];
  while (start < end && blank(typed[start])) start += 1;
  while (end > start && blank(typed[end - 1])) end -= 1;
  const bytes = typed.slice(start, end);
  const good = bytes.length > 0 && bytes.length <= MOST_BYTES && bytes.every((byte) => byte > 32 && byte < 127 && byte !== 34 && byte !== 92);
  if (good) return bytes;
  bytes.fill(0);
  return null;
};

// Where a request ends up: itself, or what this site's own proxy is asked to fetch. Of that one form only, which nobody can read in
// another way: the path is not itself an address (/https://..., another form of the proxy's), the only parameter is url, and what it
// says begins with the origin as it is. Anything else ends up nowhere.
const target = (url) => {
  const at = new URL(url, location.href);
  if (at.origin !== location.origin || !at.pathname.endsWith("/api/fetch")) return at.origin;
  const [, asked] = at.search.match(/^\?url=([^&]*)$/) ?? [];
  if (asked === undefined || /^\/https?(:|%3a)/i.test(at.pathname)) return null;
  const text = decodeURIComponent(asked);
  const { origin } = new URL(text);
  return text.startsWith(`${origin}/`) ? origin : null;
};

export const injector = (key, origins) => {
  const allowed = new Set(origins);
  const filled = async (url, text) => {
    if (!allowed.has(target(url))) throw new TypeError("the secret does not go to this address");
    const bytes = new Uint8Array(await crypto.subtle.exportKey("raw", key));
    try {
      return text.replaceAll(MARK, () => new TextDecoder().decode(bytes));
    } finally {
      bytes.fill(0);
    }
  };
  return Object.freeze({
    // As fetch(); the headers are plain fields.
    async fetch(url, options) {
      const headers = {};
      for (const [name, value] of Object.entries(options.headers)) headers[name] = value === MARK ? await filled(url, value) : value;
      return fetch(url, { ...options, headers });
    },
    // A text frame; whether it was sent.
    async send(socket, text) {
      const whole = await filled(socket.url, text);
      if (socket.readyState !== WebSocket.OPEN) return false;
      socket.send(whole);
      return true;
    },
  });
};
