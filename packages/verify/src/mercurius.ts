import type { AuthContext } from './graphql-context.ts';

export type { MercuriusContext } from 'mercurius';
export * from './graphql-context.ts';

declare module 'mercurius' {
  interface MercuriusContext extends AuthContext {}
}
