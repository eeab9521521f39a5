import { requireViewer } from '../../graphql/context.ts';
import type { Resolvers } from '../../graphql/generated.ts';
import type { Confirmation } from './enrolment.ts';
import type { MfaService } from './service.ts';

export function mfaResolvers(mfa: MfaService): Resolvers {
  return {
    Mutation: {
      startTotpEnrolment: async (_root, { input }, context) => {
        const enrolment = await mfa.startTotp(requireViewer(context), input ?? {}, context.caller);
        return { ...enrolment, expiresAt: new Date(enrolment.expiresAt) };
      },
      confirmTotpEnrolment: async (_root, { input }, context) => {
        let confirmed: Confirmation | undefined;
        const auth = await context.cookies.deliver(input.delivery, async () => {
          confirmed = await mfa.confirmTotp(requireViewer(context), input, context.caller);
          return confirmed.grant;
        });
        // `deliver` has called its work, or thrown.
        return { ...(confirmed as unknown as Confirmation), auth };
      },
      regenerateRecoveryCodes: async (_root, _args, context) => ({
        recoveryCodes: await mfa.regenerateRecoveryCodes(requireViewer(context), context.caller),
      }),
      removeFactor: (_root, { input }, context) => mfa.remove(requireViewer(context), input, context.caller),
      renameFactor: (_root, { input }, context) => mfa.rename(requireViewer(context), input),
      requestFactorReset: async (_root, { input }, { caller }) => ({
        expiresIn: await mfa.request(input, caller),
      }),
      cancelFactorReset: (_root, _args, context) => mfa.cancel(requireViewer(context), context.caller),
    },
    User: {
      mfa: (user) => mfa.viewOf(user),
    },
    Mfa: {
      enabled: (user) => user.secondFactors !== '',
      factors: (user) => mfa.listOf(user),
      recoveryCodesLeft: (user) => mfa.codesLeftOf(user),
      resetAt: (user) => mfa.resetAtOf(user),
    },
    Factor: {
      createdAt: (factor) => new Date(factor.confirmedAt ?? factor.createdAt),
      lastUsedAt: (factor) => (factor.lastUsedAt === null ? null : new Date(factor.lastUsedAt)),
    },
  };
}
