interface SandboxOptions {
  readonly document: string;
  readonly variables: Record<string, unknown>;
  readonly headers: Record<string, string>;
  readonly includeCookies: boolean;
}

/** What the landing page types into the Sandbox. */
export function sandboxOf(page: string): SandboxOptions {
  const [, config] = /embeddedSandboxConfig = (\{.*\});/.exec(page) ?? [];
  const { initialState } = JSON.parse(config ?? '');
  return initialState;
}
