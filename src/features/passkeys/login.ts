import type { Factors } from '../../core/factors/service.ts';
import type { Challenges } from '../../core/login/challenges.ts';
import type { Door } from '../../core/login/door.ts';
import { provenByPasskey } from '../../core/login/proof.ts';
import type { PasskeyAnswer, Passkeys, Purpose, RequestOptions } from '../../core/passkeys/service.ts';
import { listPasskeys } from '../../core/passkeys/store.ts';
import { UNCOUNTED } from '../../core/rate-limits/service.ts';
import { readScope } from '../../core/roles/service.ts';
import type { Grant, Sessions } from '../../core/sessions/service.ts';
import type { AccessToken } from '../../core/tokens/access-token.ts';
import { findUser, recordLogin, type UserRecord } from '../../core/users/store.ts';
import type { Database } from '../../database/database.ts';
import { AuthError } from '../../errors.ts';
import type { Caller } from '../../platform/caller.ts';
import type { Clock } from '../../platform/clock.ts';
import { parseLabel } from '../../platform/label.ts';

export interface PasskeyLoginOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly passkeys: Pick<Passkeys, 'requireOn' | 'startLogin' | 'countFailure'>;
  readonly factors: Pick<Factors, 'checkPasskey'>;
  readonly challenges: Pick<Challenges, 'present' | 'ownerOf'>;
  readonly sessions: Pick<Sessions, 'viewerOrRefusal'>;
  readonly door: Pick<Door, 'enter' | 'refuse'>;
  /** Whether an account whose address is not verified may not log in. */
  readonly requireVerification: boolean;
}

const LOGIN: Purpose = { ceremony: 'login' };

/** Logging in with passkeys, alone and beside another factor. */
export function createPasskeyLogin({
  database,
  clock,
  passkeys,
  factors,
  challenges,
  sessions,
  door,
  requireVerification,
}: PasskeyLoginOptions) {
  /** Whose passkeys are asked for, and for what. */
  async function purposeOf(
    mfaToken: string | null | undefined,
    { bearer, caller }: { bearer: AccessToken | AuthError; caller: Caller },
  ): Promise<{ purpose: Purpose; userId: string }> {
    if (mfaToken != null) {
      const challenge = await challenges.present(mfaToken, caller);
      const { id } = await challenges.ownerOf(challenge, caller);
      return { purpose: { ceremony: 'second-factor', tokenHash: challenge.tokenHash }, userId: id };
    }
    const viewer = await sessions.viewerOrRefusal(bearer);
    if (viewer instanceof AuthError) throw viewer;
    const { sessionId, userId } = viewer;
    return { purpose: { ceremony: 'reauthentication', sessionId }, userId };
  }

  function mayLogIn({ disabledAt, emailVerifiedAt }: UserRecord): boolean {
    return disabledAt === null && (emailVerifiedAt !== null || !requireVerification);
  }

  return {
    /** Says the same whoever asks. @throws AuthError `FEATURE_DISABLED`. */
    startLogin: (): RequestOptions => passkeys.startLogin(LOGIN, [], 'required'),

    /**
     * With an `mfaToken`, or by the session of the bearer.
     *
     * @throws AuthError `INVALID_TOKEN`, `UNAUTHENTICATED`, `NOT_FOUND`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`,
     * `UNAVAILABLE`.
     */
    async startChallenge(
      { mfaToken }: { mfaToken?: string | null | undefined },
      from: { bearer: AccessToken | AuthError; caller: Caller },
    ): Promise<RequestOptions> {
      passkeys.requireOn();
      const { purpose, userId } = await purposeOf(mfaToken, from);
      const known = await listPasskeys(database.before(from.caller.deadline), userId);
      if (known.length === 0) throw new AuthError('NOT_FOUND');
      return passkeys.startLogin(purpose, known, mfaToken == null ? 'required' : 'preferred');
    },

    /**
     * One answer for every passkey that is refused, and for every account that may not log in.
     *
     * @throws AuthError `INVALID_TOKEN`, `INVALID_CODE`, `FEATURE_DISABLED`, `TOO_MANY_REQUESTS`, `UNAVAILABLE`,
     * `BAD_USER_INPUT`.
     */
    async withPasskey(
      input: {
        passkey: PasskeyAnswer;
        deviceName?: string | null | undefined;
        scope?: readonly string[] | null | undefined;
      },
      caller: Caller,
    ): Promise<Grant> {
      const deviceName = parseLabel(input.deviceName, 'input.deviceName');
      const scope = readScope(input.scope);
      const wanted = { purpose: LOGIN, session: undefined, requireUserVerification: true, caller };
      const shown = await factors.checkPasskey(input.passkey, wanted);
      const refused = { caller, attempt: UNCOUNTED, refusal: 'INVALID_CODE', userId: shown.userId } as const;
      if ('refused' in shown) return door.refuse({ ...refused, reason: shown.refused });
      const user = await findUser(database.before(caller.deadline), shown.userId);
      if (user === undefined || !mayLogIn(user)) {
        // Nothing of a right answer is spent here, so it can come again and again.
        await passkeys.countFailure(caller);
        return door.refuse({ ...refused, reason: user?.disabledAt === null ? 'unverified' : 'disabled' });
      }
      const proof = provenByPasskey({
        user,
        factor: shown.factor,
        async hold(tx) {
          const held = await recordLogin(tx, { ...user, now: clock.now() });
          return held && { user: held };
        },
      });
      return door.enter(proof, { as: 'login', caller, deviceName, scope });
    },
  };
}
