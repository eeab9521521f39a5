import { describe, expect, it } from '@jest/globals';
import { speaksFor } from '../../../src/core/external-logins/issuers.ts';
import { providerOf } from '../../support/evil-provider.ts';

const TENANT = '11111111-2222-4333-8444-555555555555';
const OTHER = '66666666-7777-4888-8999-aaaaaaaaaaaa';
const at = (tenant: string) => `https://login.microsoftonline.com/${tenant}/v2.0`;
const client = { clientId: 'c', clientSecretEnv: 'SECRET' };

const work = providerOf('work', { issuer: 'https://login.example.com' });
const forge = providerOf('forge', {
  ...client,
  authorizationUrl: 'https://forge.example.com/authorize',
  tokenUrl: 'https://forge.example.com/token',
  userUrl: 'https://forge.example.com/user',
  mapping: { subject: 'id' },
});
const tenant = providerOf('microsoft', { ...client, tenant: TENANT });
const many = providerOf('microsoft', { ...client, tenant: 'common' });

describe('speaksFor', () => {
  it.each([
    ['an OpenID provider its issuer', work, 'https://login.example.com', true],
    ['an OpenID provider its issuer with a slash', work, 'https://login.example.com/', true],
    ['an OpenID provider its issuer in capitals', work, 'https://LOGIN.example.com', true],
    ['an OpenID provider no issuer below it', work, 'https://login.example.com/realms/a', false],
    ['an OpenID provider no other issuer', work, 'https://login.example.com.evil.example', false],
    ['an OAuth 2 server the URL of its user', forge, 'https://forge.example.com/user', true],
    ['an OAuth 2 server no other URL of its own', forge, 'https://forge.example.com', false],
    ['a tenant of Microsoft its own accounts', tenant, at(TENANT), true],
    ['a tenant of Microsoft no accounts of another', tenant, at(OTHER), false],
    ['Microsoft with many tenants the accounts of each', many, at(OTHER), true],
    ['Microsoft with many tenants no tenant without an id', many, at('common'), false],
    ['Microsoft with many tenants nobody at another host', many, `https://evil.example/${OTHER}/v2.0`, false],
  ])('%s', (_what, provider, issuer, speaks) => {
    expect(speaksFor(provider, issuer)).toBe(speaks);
  });
});
