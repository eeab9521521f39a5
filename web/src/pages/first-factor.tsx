import { Page } from '../layout.tsx';
import { texts } from '../texts/index.ts';
import { AddFactor } from './add-factor.tsx';
import type { EnrolmentProps } from './enrolment.tsx';

/** Where the operator wants each account to have a second factor: all that an account without one can do. */
export function FirstFactor({ onDone }: EnrolmentProps) {
  return (
    <Page title={texts.firstFactor.title}>
      <p>{texts.firstFactor.explain}</p>
      <AddFactor onDone={onDone} />
    </Page>
  );
}
