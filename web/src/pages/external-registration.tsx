import { useState } from 'preact/hooks';
import { auth } from '../auth.ts';
import { hasCode, problemOf } from '../errors.ts';
import { CodeField, EmailField, Form } from '../form.tsx';
import { Page } from '../layout.tsx';
import { settings } from '../settings.ts';
import { texts } from '../texts/index.ts';
import { MailSent } from './mail-sent.tsx';

/** A login at a provider that proves no address. */
export interface Registration {
  readonly registrationToken: string;
  /** What the provider says of the address. */
  readonly email: string | null;
}

interface RegistrationProps extends Registration {
  /** Opens the session. */
  readonly enter: (lastStep: () => Promise<unknown>) => Promise<void>;
  /** Nothing comes of it. */
  readonly onEnd: (notice?: string) => void;
}

/** Asks for an address, and for the code that is mailed there. */
export function ExternalRegistration({ registrationToken, email, enter, onEnd }: RegistrationProps) {
  const [sent, setSent] = useState<{ email: string; minutes: number }>();
  const { title, explain, noMail, submit, submitCode } = texts.externalRegistration;
  const wrong = { field: 'code', text: texts.errors.wrongCode };

  /** @throws what the form shows */
  async function orEnd(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!hasCode(error, 'EXTERNAL_LOGIN_FAILED')) throw error;
      onEnd(problemOf(error).text);
    }
  }

  if (sent !== undefined)
    return (
      <MailSent
        text={texts.externalRegistration.sent(sent.email, sent.minutes)}
        onAgain={() => setSent(undefined)}
      >
        <Form
          submit={submitCode}
          send={({ code = '' }) =>
            orEnd(() => enter(() => auth.completeExternalRegistration({ registrationToken, code })))
          }
          own={{ INVALID_TOKEN: wrong, BAD_USER_INPUT: wrong }}
        >
          <CodeField hint={texts.hints.code} />
        </Form>
      </MailSent>
    );
  return (
    <Page title={title}>
      {settings.mail ? (
        <>
          <p>{explain}</p>
          <Form
            submit={submit}
            send={(values) =>
              orEnd(async () => {
                const address = values.email ?? '';
                const asked = { registrationToken, email: address };
                const { expiresIn } = await auth.requestExternalRegistration(asked);
                setSent({ email: address, minutes: Math.round(expiresIn / 60) });
              })
            }
          >
            <EmailField autoComplete="email" defaultValue={email ?? ''} />
          </Form>
        </>
      ) : (
        <p>{noMail}</p>
      )}
      <div class="links">
        <button type="button" class="plain" onClick={() => onEnd()}>
          {texts.back}
        </button>
      </div>
    </Page>
  );
}
