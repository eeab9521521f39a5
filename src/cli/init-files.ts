import type { Setting } from '../config/setting.ts';
import { SETTINGS } from '../config/settings.ts';

/** Where the secret lies, below the folder that is made ready. The compose file mounts it from there. */
export const SECRET_PATH = 'secrets/latchkey';
const WIDTH = 100;

/** A `.env` with every setting, all but the secret's as comments. */
export function envFile(): string {
  const head = [
    ...comment(
      'The settings of Latchkey. Commands read it with `--env-file .env`, as in `latchkey serve --env-file .env`, and compose.yaml reads it; the environment wins over this file. A line that begins with # is a comment, and shows the default: remove the # to change it.',
    ),
    ...comment(
      'As it is, this file starts a server for development. In production NODE_ENV and LATCHKEY_ISSUER are required.',
    ),
  ];
  const entries = Object.values(SETTINGS).map((setting: Setting) => {
    const { name, description, developmentDefault } = setting;
    const note = developmentDefault === undefined ? '' : ` In development: \`${developmentDefault}\`.`;
    const line =
      setting === SETTINGS.secretFile
        ? `${name}=${SECRET_PATH}`
        : `# ${name}=${quoted(setting.default ?? developmentDefault ?? '')}`;
    return [...comment(`${description}.${note}`), line];
  });
  return `${[head, ...entries].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}

/** One server in a container, with its database in a volume. */
export const COMPOSE_FILE = `# One Latchkey server in a container, with an SQLite database in a volume:
#
#   docker build -t latchkey <the folder of Latchkey>
#   docker compose up -d
#
# It reads .env, which must give LATCHKEY_ISSUER: the https URL of the proxy in front, which makes TLS. Name that proxy
# in LATCHKEY_TRUST_PROXY. Compose mounts the secret with the owner and the mode that it has here, and the server runs
# as user 1000: \`sudo chown 1000 ${SECRET_PATH}\` where you are another user.
name: latchkey

services:
  server:
    image: latchkey
    restart: unless-stopped
    # Longer than requests have to finish.
    stop_grace_period: 25s
    read_only: true
    tmpfs: [/tmp]
    cap_drop: [ALL]
    security_opt: ['no-new-privileges:true']
    env_file: [.env]
    environment:
      NODE_ENV: production
      HOST: 0.0.0.0
      PORT: '4000'
      DATABASE_URL: file:data/latchkey.db
      LATCHKEY_SECRET_FILE: /run/secrets/latchkey
    secrets: [latchkey]
    volumes: ['data:/app/data']
    ports: ['127.0.0.1:4000:4000']

secrets:
  latchkey: { file: ./${SECRET_PATH} }

volumes:
  data:
`;

function comment(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= WIDTH) lines.push(`# ${word}`);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

/** As dotenv and Docker read it: a blank, a quote or a # needs quotes around it. */
function quoted(value: string): string {
  return /[\s#'"]/.test(value) ? `"${value}"` : value;
}
