import { type ComponentChildren, createContext, type JSX } from 'preact';
import { useContext, useId, useRef, useState } from 'preact/hooks';
import { type OwnProblems, type Problem, problemOf } from './errors.ts';
import { say } from './router.ts';
import { settings } from './settings.ts';
import { texts } from './texts/index.ts';

interface FormState {
  readonly problem: Problem | undefined;
}

/** Fields that have other names in some forms. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  newPassword: ['newPassword', 'password'],
  code: ['code', 'totpCode', 'recoveryCode'],
};

const Context = createContext<FormState>({ problem: undefined });

export type FormLook = 'primary' | 'danger' | 'secondary';

interface FormProps {
  readonly submit: string;
  /** What is done with the fields. What it throws is shown. */
  readonly send: (values: Record<string, string>) => Promise<void>;
  readonly own?: OwnProblems;
  /** What the button is like. */
  readonly look?: FormLook;
  readonly children?: ComponentChildren;
}

/** One form for one purpose. It is sent once at a time, and shows what went wrong where it went wrong. */
export function Form({ submit, send, own, look = 'primary', children }: FormProps) {
  const form = useRef<HTMLFormElement>(null);
  const [problem, setProblem] = useState<Problem>();
  const [isBusy, setBusy] = useState(false);

  function show(next: Problem): void {
    const names = SPELLINGS[next.field ?? ''] ?? [next.field ?? ''];
    const inputs = names.map((name) => form.current?.elements.namedItem(name));
    const input = inputs.find((element) => element instanceof HTMLInputElement);
    // The sentence stands above a form that does not have the field.
    setProblem({ field: input?.name, text: next.text });
    input?.focus();
  }

  async function onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    if (isBusy || form.current === null) return;
    const inputs = [...form.current.elements].filter(
      (element): element is HTMLInputElement => element instanceof HTMLInputElement && element.name !== '',
    );
    const empty = inputs.find(({ required, value }) => required && value === '');
    if (empty !== undefined) return show({ field: empty.name, text: texts.required });
    setBusy(true);
    setProblem(undefined);
    say('');
    try {
      await send(Object.fromEntries(inputs.map(({ name, value }) => [name, value])));
    } catch (error) {
      show(problemOf(error, own));
    } finally {
      setBusy(false);
    }
  }

  return (
    <Context.Provider value={{ problem }}>
      <form ref={form} noValidate onSubmit={onSubmit} aria-busy={isBusy}>
        <p class="problem" role="alert">
          {problem?.field === undefined && problem?.text}
        </p>
        {children}
        <button type="submit" class={look} aria-disabled={isBusy}>
          {submit}
        </button>
        <p class="visually-hidden" role="status">
          {isBusy && texts.working}
        </p>
      </form>
    </Context.Provider>
  );
}

interface FieldProps extends Omit<JSX.InputHTMLAttributes<HTMLInputElement>, 'label'> {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  readonly after?: ComponentChildren;
}

export function Field({ name, label, hint, after, required = true, ...input }: FieldProps) {
  const id = useId();
  const { problem } = useContext(Context);
  const isWrong = problem?.field === name;
  const described = [hint && `${id}-hint`, isWrong && `${id}-problem`].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>
        {label} {!required && <span class="muted">({texts.optional})</span>}
      </label>
      <div class="input">
        <input
          {...input}
          id={id}
          name={name}
          required={required}
          aria-invalid={isWrong}
          aria-describedby={described || undefined}
        />
        {after}
      </div>
      {hint && (
        <p id={`${id}-hint`} class="muted">
          {hint}
        </p>
      )}
      {isWrong && (
        <p id={`${id}-problem`} class="problem">
          {problem?.text}
        </p>
      )}
    </div>
  );
}

export function EmailField({ name = 'email', label = texts.fields.email, ...input }: Partial<FieldProps>) {
  return (
    <Field
      autoComplete="username"
      {...input}
      name={name}
      label={label}
      type="email"
      autoCapitalize="none"
      spellcheck={false}
    />
  );
}

/** A code of digits, from a mail or an app. */
export function CodeField({ name = 'code', hint }: Pick<Partial<FieldProps>, 'name'> & { hint: string }) {
  return (
    <Field
      name={name}
      label={texts.fields.code}
      hint={hint}
      inputMode="numeric"
      autoComplete="one-time-code"
    />
  );
}

/** What to call a second factor. */
export function FactorNameField({ hint }: { hint: string }) {
  return (
    <Field
      name="name"
      label={texts.fields.factorName}
      hint={hint}
      required={false}
      maxLength={100}
      autoComplete="off"
    />
  );
}

type PasswordProps = Partial<FieldProps> & { readonly isNew?: boolean };

export function PasswordField({ isNew = false, name, label, ...input }: PasswordProps) {
  const [isShown, setShown] = useState(false);
  const fallback = isNew ? texts.fields.newPassword : texts.fields.password;
  return (
    <Field
      {...input}
      name={name ?? (isNew ? 'newPassword' : 'password')}
      label={label ?? fallback}
      type={isShown ? 'text' : 'password'}
      autoComplete={isNew ? 'new-password' : 'current-password'}
      autoCapitalize="none"
      spellcheck={false}
      {...(isNew && { hint: texts.hints.newPassword(settings.passwordMinLength) })}
      after={
        <button
          type="button"
          class="plain"
          aria-label={isShown ? texts.hidePassword : texts.showPassword}
          onClick={() => setShown(!isShown)}
        >
          {isShown ? texts.hide : texts.show}
        </button>
      }
    />
  );
}

/** Tells a password manager whose password this is. People do not see it. */
export function AccountOf({ email }: { email: string }) {
  return <input type="email" autoComplete="username" value={email} readOnly hidden />;
}
