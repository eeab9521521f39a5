/** Server-wide secrets that some hashes need beside the password. */
export interface HashKeys {
  /** The `base64_signer_key` of a Firebase project. */
  readonly firebaseSignerKey?: Buffer | undefined;
}

/** The hash of a password as one of the schemes has read it. */
export interface StoredHash {
  /** Above the ceiling of its scheme: it is never verified, because one login must not stop the server (PW-3). */
  readonly isTooCostly: boolean;
  /** Off the event loop; false when a key that it needs is not there. */
  verify(password: string, keys: HashKeys): Promise<boolean>;
}
