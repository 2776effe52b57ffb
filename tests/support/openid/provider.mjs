// The library oidc-provider (OpenID Certified) as a provider on loopback, until stdin closes.
//
// The first argument is JSON: `port` (0: any), `clients`, `people` (their claims by name), and what else differs from
// the library's defaults. The issuer's address is printed when it listens.
import * as crypto from 'node:crypto';
import * as http from 'node:http';

const given = JSON.parse(process.argv[2]);

if (given.clock_s) { // the library asks this clock alone
  const now = Date.now;
  Date.now = () => now() + 1000 * given.clock_s;
}

const { Provider } = await import('oidc-provider');

// Of all kinds, two of the most usual one as when keys are about to change, one that signs nothing, and one of a kind
// that few know yet.
const kinds = [
  ['rsa', { modulusLength: 2048 }],
  ['rsa', { modulusLength: 2048 }],
  ...['P-256', 'P-384', 'P-521'].map((namedCurve) => ['ec', { namedCurve }]),
  ['ed25519'],
  ['x25519'],
  ['ml-dsa-44'],
];
const keys = kinds.map(([kind, how]) => crypto.generateKeyPairSync(kind, how).privateKey.export({ format: 'jwk' }));

const server = http.createServer();
await new Promise((listens) => { server.listen(given.port, '127.0.0.1', listens); });
const issuer = `http://localhost:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: given.clients,
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
  clientAuthMethods: given.client_auth_methods ?? ['client_secret_basic', 'client_secret_post', 'none'],
  conformIdTokenClaims: !given.claims_in_id_token, // as the standard has it: where there is userinfo, they are there alone
  cookies: { keys: [crypto.randomUUID()] },
  enabledJWA: { idTokenSigningAlgValues: [...given.algorithms, 'ML-DSA-44'] },
  features: {
    devInteractions: { enabled: true }, // forms to sign in and to consent; every password is right
    encryption: { enabled: true }, // for it is the key that signs nothing
  },
  findAccount: (_, name) => given.people[name] && { accountId: name, claims: () => ({ sub: name, ...given.people[name] }) },
  jwks: { keys: keys.map((key) => ({ ...key, use: key.crv === 'X25519' ? 'enc' : 'sig' })) },
  ttl: { IdToken: 300 },
  pkce: { required: () => false }, // so that a thief may try without
});
server.on('request', provider.callback());
process.stdin.resume().on('end', () => process.exit());
console.log(issuer);
