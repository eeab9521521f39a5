import type { Resolvers } from '../../graphql/generated.ts';
import type { EmailVerifications } from './service.ts';

export function emailVerificationsResolvers(verifications: EmailVerifications): Resolvers {
  return {
    Mutation: {
      requestEmailVerification: async (_root, { input }, { caller }) => ({
        expiresIn: await verifications.request(input.email, caller),
      }),
      verifyEmail: (_root, { input }, context) =>
        context.cookies.deliverIfAny(input.delivery, () => verifications.verify(input, context)),
    },
  };
}
