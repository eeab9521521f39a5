import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { Registered } from './registration.ts';
import type { PasskeysService } from './service.ts';

export function passkeysResolvers(passkeys: PasskeysService): Resolvers {
  return {
    Mutation: {
      startPasskeyRegistration: async (_root, { input }, context) =>
        dated(await passkeys.startRegistration(requireViewer(context), input ?? {}, context.caller)),
      finishPasskeyRegistration: async (_root, { input }, context) => {
        let registered: Registered | undefined;
        const auth = await context.cookies.deliver(input.delivery, async () => {
          registered = await passkeys.finishRegistration(requireViewer(context), input, context.caller);
          return registered.grant;
        });
        // `deliver` has called its work, or thrown.
        return { ...(registered as unknown as Registered), auth };
      },
      startPasskeyLogin: () => dated(passkeys.startLogin()),
      startPasskeyChallenge: async (_root, { input }, { bearer, caller }) =>
        dated(await passkeys.startChallenge(input ?? {}, { bearer, caller })),
      loginWithPasskey: (_root, { input }, { caller, cookies }) =>
        cookies.deliver(input.delivery, () => passkeys.withPasskey(input, caller)),
    },
    Factor: {
      passkey: (factor) => passkeys.detailsOf(factor),
    },
  };
}

function dated<Options extends { readonly expiresAt: number }>(options: Options) {
  return { ...options, expiresAt: new Date(options.expiresAt) };
}
