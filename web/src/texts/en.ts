import type { Texts } from './texts.ts';

/** English. Each language is one file of this shape. */
export const en: Texts = {
  language: 'en',
  loading: 'One moment…',
  working: 'One moment…',
  back: 'Back',
  cancel: 'Cancel',
  show: 'Show',
  hide: 'Hide',
  showPassword: 'Show the password',
  hidePassword: 'Hide the password',
  optional: 'optional',
  retry: 'Try again',
  required: 'Fill this in.',
  copied: 'Copied.',
  notCopied: 'The browser does not allow it. Select the text, and copy it by hand.',
  newTitle: (title, name) => `${title} – ${name}`,

  fields: {
    email: 'Email address',
    newEmail: 'New email address',
    password: 'Password',
    currentPassword: 'Current password',
    newPassword: 'New password',
    name: 'Name',
    code: 'Code',
    recoveryCode: 'Recovery code',
    factorName: 'A name for it',
  },
  hints: {
    newPassword: (least) => `At least ${least} characters. Several words are easy to remember.`,
    code: 'The digits in the mail.',
    totpCode: 'The six digits that your authenticator app shows.',
    recoveryCode: '25 letters and digits. You got ten of them when you added the second factor.',
    factorName: 'So that you know it again, as in “my phone”.',
    passkeyName: 'So that you know it again, as in “my security key”.',
  },

  signIn: {
    title: 'Sign in',
    submit: 'Sign in',
    forgot: 'Forgot your password?',
    byMail: 'Sign in by mail, without a password',
    byPasskey: 'Sign in with a passkey',
    toSignUp: 'New here?',
    signUp: 'Make an account',
  },
  secondStep: {
    dead: 'It took too long, or too many codes were wrong. Sign in again.',
    TOTP: {
      title: 'Type the code of your app',
      explain: 'Your account asks for a second factor.',
      use: 'Use a code of the app instead',
    },
    PASSKEY: {
      title: 'Use your passkey',
      explain: 'Your account asks for a second factor. Unlock your passkey on your device or security key.',
      use: 'Use a passkey instead',
    },
    RECOVERY_CODE: {
      title: 'Type a recovery code',
      explain: 'Each recovery code signs you in once.',
      use: 'Use a recovery code instead',
    },
    LOST: {
      title: 'You lost your device?',
      use: 'I lost my device',
      first:
        'If you kept your recovery codes, use one of them. Then remove the lost device, and add the new one.',
      operator: 'Otherwise ask the people who run this site. They can remove your second factors.',
      reset: (hours) =>
        `Otherwise we can remove all your second factors and recovery codes in ${lasting(hours * 60)}. After that you sign in without them. We tell you by mail until then, and you can cancel it.`,
      submit: 'Remove my second factors',
      unverified:
        'Your email address is not confirmed, so we cannot do this. Ask the people who run this site.',
      doneTitle: 'Your second factors will be removed',
      done: (hours) =>
        `This happens in ${lasting(hours * 60)}. Then sign in again, and add a new second factor. If you find your device before, sign in with it: that cancels the removal.`,
    },
  },
  signUp: {
    title: 'Make an account',
    submit: 'Make the account',
    submitWithMail: 'Send me a link',
    explainMail: 'We send you a link. You choose a password when you open it.',
    toSignIn: 'Have an account?',
    signIn: 'Sign in',
    closed: 'Nobody can make an account here. Ask the people who run this site for one.',
  },
  byMail: {
    title: 'Sign in by mail',
    explain: 'We send you a link and a code. Each of them signs you in once.',
    submit: 'Send me a link',
    enterCode: 'Open the link in the mail, or type its code here.',
    submitCode: 'Sign in',
  },
  magicLink: {
    title: 'Sign in',
    explain: 'You opened the link from our mail.',
    submit: 'Sign in',
  },
  forgotPassword: {
    title: 'Forgot your password?',
    explain: 'We send you a link to choose a new one.',
    submit: 'Send me a link',
    noMail: 'This site sends no mail. Ask the people who run it for a new password.',
  },
  mailSent: {
    title: 'Look into your mail',
    text: (email, minutes) =>
      `If ${email} has an account here, a mail is on its way. Its link works for ${lasting(minutes)}.`,
    signUp: (email, minutes) =>
      `A mail is on its way to ${email}. Its link works for ${lasting(minutes)}. Nobody has an account until the link is opened.`,
    nothing: 'Nothing came? Look among the unwanted mail, or ask for another one in a few minutes.',
    again: 'Use another address',
  },
  resetPassword: {
    title: 'Choose a new password',
    submit: 'Change the password',
    doneTitle: 'The password is changed',
    done: 'You are signed out everywhere. Sign in with the new password.',
  },
  verifyEmail: {
    title: 'Confirm your email address',
    signedIn: (email) => `You are signed in as ${email}.`,
    chooseOrType:
      'Choose a password for your new account. If you have an account with this address, type its password.',
    type: 'Type the password of your account.',
    submit: 'Confirm the address',
    lostTitle: 'You do not know the password?',
    lost: 'You can confirm the address without it. Then everything that was in the account before is taken out: its password, its sessions and its devices. We mail you a link to choose a new password.',
    lostSubmit: 'Confirm without the password',
    newAccount: 'This link makes a new account. Choose a password for it above.',
    doneTitle: 'The address is confirmed',
    done: 'You can close this page, or go to your account.',
    doneLost: 'We sent you a link to choose a new password.',
    toAccount: 'Go to my account',
  },
  confirmEmail: {
    title: 'Confirm your new email address',
    signedIn: (email) => `You are signed in as ${email}. The new address takes its place.`,
    type: 'Type the password of your account. The new address takes the place of the old one.',
    submit: 'Change the address',
    doneTitle: 'The address is changed',
    done: 'Other devices are signed out.',
  },
  undoEmailChange: {
    title: 'Take the change of address back',
    explain:
      'The account gets its old address again. Everything that came after the change is undone, and the password is removed. Every device is signed out.',
    submit: 'Take the change back',
    doneTitle: 'The old address is back',
    done: 'We sent you a link to choose a new password.',
  },
  account: {
    title: 'Your account',
    navigation: 'Account',
    profile: 'Profile',
    password: 'Password',
    'second-factor': 'Second factor',
    sessions: 'Devices',
    remove: 'Delete',
    signOut: 'Sign out',
  },
  profile: {
    title: 'Profile',
    submit: 'Save',
    saved: 'Saved.',
    email: 'Email address',
    verified: 'confirmed',
    unverified: 'not confirmed',
    verify: 'Send me a link to confirm it',
    verifySent: 'A mail is on its way.',
    change: 'Change the address',
  },
  email: {
    title: 'Change your email address',
    explain: 'We send a link to the new address. The old address stays until you open the link.',
    submit: 'Send the link',
    sent: (email, minutes) =>
      `A mail is on its way to ${email}. Its link works for ${lasting(minutes)}. Open it in this browser.`,
  },
  password: {
    title: 'Change your password',
    explain: 'Every other device is signed out.',
    submit: 'Change the password',
    done: 'The password is changed. Every other device is signed out.',
  },
  secondFactor: {
    title: 'Second factor',
    on: 'Signing in with your password or by mail takes a second factor, too.',
    off: 'A second factor keeps your account safe when somebody else learns your password or reads your mail.',
    kinds: { TOTP: 'Authenticator app', PASSKEY: 'Passkey', RECOVERY_CODE: 'Recovery code' },
    copied: 'Copied to your other devices',
    notCopied: 'On one device only',
    created: (moment) => `Added ${moment}`,
    lastUsed: (moment) => `Last used ${moment}`,
    neverUsed: 'Not used yet',
    added: 'It is added. Signing in asks for it from now on.',
    rename: 'Rename',
    renameLabel: (name) => `Rename ${name}`,
    renameTitle: (name) => `Rename ${name}`,
    renamed: 'It is renamed.',
    remove: 'Remove',
    removeLabel: (name) => `Remove ${name}`,
    removeTitle: (name) => `Remove ${name}?`,
    removes: {
      one: 'It signs you in no more. Your other second factors stay. Every other device is signed out.',
      passkey: 'Delete the passkey on your device or in your password manager, too.',
      last: 'This is your only second factor. Without it, your password or a mail alone signs you in, and your recovery codes are deleted. Every other device is signed out.',
    },
    removed: 'It is removed. Every other device is signed out.',
    resetAt: (moment) =>
      `Somebody who knows your password, or reads your mail, asked us to remove all your second factors. We do so on ${moment}. If that was not you, cancel it and change your password.`,
    cancelReset: 'Cancel the removal',
    resetCancelled: 'Your second factors stay.',
  },
  firstFactor: {
    title: 'Add a second factor',
    explain: 'This site wants every account to have a second factor. Add one before you go on.',
  },
  addFactor: {
    TOTP: 'Add an authenticator app',
    PASSKEY: 'Add a passkey',
    explainPasskey:
      'Your device, your password manager or a security key keeps the passkey. You unlock it with your finger, your face or a PIN, and then it signs you in without a password.',
    createPasskey: 'Make the passkey',
  },
  enrolment: {
    explain:
      'You need an app on your phone that makes codes, such as the one your password manager has. It shows a new code every 30 seconds.',
    submit: 'Show the QR code',
    scan: 'Scan this picture with the app.',
    qrCode: 'QR code for your authenticator app',
    open: 'Open it in an app on this device',
    byHand: 'You cannot scan it?',
    secret: 'Type this secret into the app:',
    copy: 'Copy the secret',
    confirm: 'Add the app',
    late: 'That took longer than ten minutes. Start again.',
  },
  recoveryCodes: {
    title: 'Recovery codes',
    newTitle: 'Keep these recovery codes',
    explain:
      'When you lose your device, each of these codes signs you in once. Keep them in a safe place. We cannot show them again.',
    belongTo: (email, name) => `Recovery codes for ${email} at ${name}`,
    copy: 'Copy',
    download: 'Download',
    print: 'Print',
    kept: 'I have kept them',
    left: (count) =>
      count === 1 ? 'One of your codes is left.' : `${count === 0 ? 'None' : count} of your codes are left.`,
    few: 'Make new ones before they run out.',
    regenerate: 'Make new codes',
    regenerates: 'You get ten new recovery codes. The old ones work no more.',
  },
  sessions: {
    title: 'Devices',
    explain: 'Where you are signed in. End what you do not know, and change your password then.',
    current: 'this device',
    unknownDevice: 'Unknown device',
    device: (browser, system) => [browser, system].filter((part) => part !== '').join(' on '),
    place: (network) => `Network ${network}`,
    lastUsed: (moment) => `Last used ${moment}`,
    since: (moment) => `Signed in ${moment}`,
    end: 'Sign out',
    endLabel: (device) => `Sign out ${device}`,
    endOthers: 'Sign out all other devices',
    endAll: 'Sign out everywhere',
    ended: (count) => (count === 1 ? 'One device is signed out.' : `${count} devices are signed out.`),
    onlyThis: 'You are signed in on this device alone.',
  },
  remove: {
    title: 'Delete your account',
    explain: 'The account and everything in it is deleted. There is no way back.',
    submit: 'Delete my account',
    doneTitle: 'The account is deleted',
    done: 'Good-bye.',
  },
  proveAgain: {
    title: 'Prove that it is you',
    explain: 'Type your password again before this change.',
    explainBoth: 'Type your password and a code before this change.',
    explainPasskey: 'Use your passkey before this change.',
    explainOr: 'Or type your password and a code.',
    byPasskey: 'Use a passkey',
    submit: 'Continue',
  },
  signedOut: {
    failed:
      'The server did not answer, so this browser may still be signed in. Load this page again, and sign out once more.',
  },
  noLink: {
    title: 'Open the link again',
    text: 'This page shows what a link in a mail is for. Open the link in the mail again.',
  },
  notFound: {
    title: 'There is no such page',
    home: 'Go to the start',
  },
  offline: {
    title: 'The server does not answer',
    text: 'We ask it again by itself. Nothing is lost.',
  },

  errors: {
    NETWORK_ERROR: 'The server cannot be reached. Check your connection, then try again.',
    BAD_RESPONSE: 'The server gave an answer that makes no sense. Try again in a minute.',
    UNAVAILABLE: 'The server is busy with itself. Try again in a few seconds.',
    OVERLOADED: 'The server is busy. Try again in a few seconds.',
    INTERNAL_SERVER_ERROR: 'Something went wrong on our side. Try again in a minute.',
    TOO_MANY_REQUESTS: (seconds) => `Too many attempts. Try again in ${waiting(seconds)}.`,
    INVALID_CREDENTIALS: 'This email address and this password do not fit together.',
    wrongPassword: 'This is not the password of your account.',
    wrongCode: 'This code is wrong, or it is not good any more. Look at the newest mail.',
    INVALID_TOKEN:
      'This link was used before, is too old, or a newer one was sent. Ask for a new one if you still need it.',
    INVALID_CODE: 'This code is wrong, or it was used before. Try the next one.',
    passkeyRefused: 'This passkey does not work here. It may have been removed. Try another one.',
    PASSKEY_CANCELLED: 'No passkey came: it was cancelled, or it took too long. Try again.',
    PASSKEY_EXISTS: 'This device has a passkey of your account already.',
    PASSKEYS_UNAVAILABLE: 'This browser does not use passkeys on this page.',
    LAST_CREDENTIAL: 'This is the only way into your account. Add another one first.',
    MFA_REQUIRED: 'Your account has a second factor. Type a code as well.',
    FACTOR_LIMIT: 'Your account has as many of these as it can. Remove one first.',
    NOT_FOUND: 'It is not there any more. Load this page again.',
    ENROLMENT_REQUIRED: 'Your account needs a second factor first. Load this page again to add one.',
    FACTOR_REQUIRED:
      'You signed in before your account had a second factor. Sign out, and sign in again with it.',
    EMAIL_TAKEN: 'There is an account with this address already. Sign in, or ask for a new password.',
    REGISTRATION_CLOSED: 'Nobody can make an account here.',
    FEATURE_DISABLED: 'This site does not offer this.',
    REAUTHENTICATION_REQUIRED: 'Sign in again before this change.',
    UNAUTHENTICATED: 'You are not signed in any more. Sign in again.',
    FORBIDDEN: 'You may not do this here. You may be signed in with another account.',
    FOREIGN_ORIGIN:
      'This page was opened under another name than the server’s own. Open it by the server’s name.',
    BAD_USER_INPUT: 'This cannot be right. Look at it again.',
    email: 'This is no email address.',
    tooShort: (least) => `Use at least ${least} characters.`,
    tooLong: 'This is too long.',
    tooCommon: 'This password is one of the first that an attacker tries. Choose another one.',
    personal: 'This password is little more than your name or address. Choose another one.',
    malformed: 'This password holds something that is no text.',
    unknown: 'Something went wrong. Try again in a minute.',
  },
};

function lasting(minutes: number): string {
  if (minutes < 90) return minutes === 1 ? 'one minute' : `${minutes} minutes`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}

function waiting(seconds: number): string {
  if (seconds < 90) return seconds === 1 ? 'one second' : `${seconds} seconds`;
  return lasting(Math.ceil(seconds / 60));
}
