// A certified OpenID provider on loopback, in memory. Prints {"issuer": "..."} when it listens. Ends with its stdin.
// `node oidc_provider.mjs [port] [origin of the desk]`: port 0 (the default) takes a free one.
import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const [port = '0', desk = 'http://127.0.0.1:8000'] = process.argv.slice(2);
const back = (name) => [`${desk}/oauth/callback/${name}`];
const grants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
const native = { application_type: desk.startsWith('https:') ? 'web' : 'native', grant_types: grants, response_types: ['code'] };
const server = createServer();

server.listen(Number(port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      { ...native, client_id: 'desk', client_secret: 'desk-secret', token_endpoint_auth_method: 'client_secret_post', redirect_uris: back('oidc') },
      { ...native, client_id: 'basic', client_secret: 'basic-secret', token_endpoint_auth_method: 'client_secret_basic', redirect_uris: back('basic') },
      { ...native, client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: back('public') },
    ],
    pkce: { required: () => true },
    rotateRefreshToken: () => true,
    issueRefreshToken: async () => true,
    clientBasedCORS: () => true,
    cookies: { keys: ['only for tests'] },
    scopes: ['openid', 'offline_access', 'trade', 'read'],
    features: { devInteractions: { enabled: true }, deviceFlow: { enabled: true }, dPoP: { enabled: true }, revocation: { enabled: true }, introspection: { enabled: true } },
    findAccount: async (_ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
    ttl: { AccessToken: 3600, AuthorizationCode: 60, DeviceCode: 600, RefreshToken: 86400, Interaction: 600, Session: 3600, Grant: 86400, IdToken: 3600 },
  });
  server.on('request', provider.callback());
  console.log(JSON.stringify({ issuer }));
});
process.stdin.resume().on('end', () => process.exit(0));
