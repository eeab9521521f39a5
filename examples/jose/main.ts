/** Run it against a running server: `npx tsx examples/jose/main.ts http://localhost:4000` */
import { alter, registerAccount } from '../support.ts';
import { createVerifier } from './verify.ts';

const issuer = process.argv[2] ?? 'http://localhost:4000';
const verify = createVerifier({ issuer, audience: issuer });

const { id, email, accessToken } = await registerAccount(`${issuer}/graphql`);
const { sub } = await verify(accessToken);
console.log(`the token of ${email} speaks for its account:`, sub === id);

const problem = await verify(alter(accessToken)).catch((error: Error) => error.message);
console.log('a token with another byte:', problem);
