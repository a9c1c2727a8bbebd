// The certified provider `oidc-provider`, on this machine: see tests/real_oidc_provider.py.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, port, callback] = process.argv.slice(2);
const found = createRequire(`${folder}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found));
const provider = new Provider(`http://localhost:${port}`, {
  clients: [{ client_id: 'devis', client_secret: 'a secret/of 20+ characters', redirect_uris: [callback] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  cookies: { keys: ['a key for tests'] },
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: id !== 'doubtful' }),
  }),
});
provider.listen(Number(port), '127.0.0.1');
