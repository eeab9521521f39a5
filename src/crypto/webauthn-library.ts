/** What webauthn.ts loads with the first answer of an authenticator. */
export { verifyAuthenticationResponse, verifyRegistrationResponse } from '@simplewebauthn/server';
export { decodeAttestationObject, decodeCredentialPublicKey } from '@simplewebauthn/server/helpers';
