// Passkeys whose PRF opens the vault (WebAuthn). What the device computes goes on as a buffer; nothing of it is kept here.

const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const decode = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
const random = (count) => crypto.getRandomValues(new Uint8Array(count));
const ALGORITHMS = [-8, -7, -257]; // Ed25519, P-256, RSA: which one does not matter, nothing is signed for anybody
const PATIENCE_MS = 120_000;

// Empty where passkeys can be used, else why not.
export const obstacle = async () => {
  if (!globalThis.PublicKeyCredential || !isSecureContext) return "this browser offers none here";
  if (/^[\d.]+$|^\[/.test(location.hostname)) return `they need a name instead of an address: open the desk as ${location.protocol}//localhost:${location.port}`;
  const known = await PublicKeyCredential.getClientCapabilities?.();
  return known?.["extension:prf"] === false ? "this browser cannot derive keys with them (PRF)" : "";
};

const evaluated = (credential) => {
  const first = credential.getClientExtensionResults().prf?.results?.first;
  return first && new Uint8Array(first).slice();
};

// {credential, prf_salt, secret}: a new passkey and what it opens with.
export const make = async (label) => {
  const salt = random(32);
  const credential = await navigator.credentials.create({
    publicKey: {
      challenge: random(32),
      rp: { name: "Kontor" },
      user: { id: random(16), name: label, displayName: label },
      pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { residentKey: "preferred", userVerification: "required" },
      extensions: { prf: { eval: { first: salt } } },
      timeout: PATIENCE_MS,
    },
  });
  if (!credential.getClientExtensionResults().prf?.enabled) throw new Error("this passkey cannot derive keys (PRF): use another device or key");
  const known = { credential: encode(credential.rawId), prf_salt: encode(salt) };
  return { ...known, secret: evaluated(credential) ?? (await ask(JSON.stringify([known]))).secret };
};

// {credential, secret} of whichever of these passkeys answers; `slots` is JSON of [{credential, prf_salt}].
export const ask = async (slots) => {
  const known = JSON.parse(slots);
  const evalByCredential = Object.fromEntries(known.map((slot) => [slot.credential, { first: decode(slot.prf_salt) }]));
  const credential = await navigator.credentials.get({
    publicKey: {
      challenge: random(32),
      allowCredentials: known.map((slot) => ({ type: "public-key", id: decode(slot.credential) })),
      userVerification: "required",
      extensions: { prf: { evalByCredential } },
      timeout: PATIENCE_MS,
    },
  });
  const secret = evaluated(credential);
  if (!secret) throw new Error("the passkey derived no key");
  return { credential: encode(credential.rawId), secret };
};
