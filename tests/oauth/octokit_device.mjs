// GitHub's own SDK through the device flow against the emulator whose address is the argument; prints what it authenticated.
// The code the trader has to type goes to stderr as JSON; nothing else waits for it.
import { createOAuthDeviceAuth } from '@octokit/auth-oauth-device';
import { request } from '@octokit/request';

const [url, clientId] = process.argv.slice(2);
const at = request.defaults({ baseUrl: `${url}/api/v3` });
const auth = createOAuthDeviceAuth({
  clientType: 'oauth-app',
  clientId,
  scopes: ['read:user'],
  request: at,
  onVerification: (verification) => console.error(JSON.stringify(verification)),
});
try {
  const authentication = await auth({ type: 'oauth' });
  const { data } = await at('GET /user', { headers: { authorization: `token ${authentication.token}` } });
  console.log(JSON.stringify({ ...authentication, login: data.login }));
} catch (error) {
  console.log(JSON.stringify({ failed: error.response?.data?.error ?? String(error) }));
}
