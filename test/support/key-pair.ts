import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

/** A key pair whose objects are made from bytes: Node.js 20 can hang where that of a generated one is exported. */
export function createKeyPair(type: 'ec' | 'rsa' = 'ec'): { publicKey: KeyObject; privateKey: KeyObject } {
  const { publicKey, privateKey } = type === 'ec' ? generateEc() : generateRsa();
  return { publicKey: createPublicKey(publicKey), privateKey: createPrivateKey(privateKey) };
}

function generateEc() {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { format: 'pem', type: 'spki' },
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
  });
}

function generateRsa() {
  return generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    publicKeyEncoding: { format: 'pem', type: 'spki' },
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
  });
}
