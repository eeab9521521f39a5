import { readNetwork } from '../../platform/network.ts';
import type { Settings } from '../setting.ts';
import { flag, isHttp, list, readUrl } from '../values.ts';

/** Of a WebView or an extension. For URL, every origin of such a scheme is `null`. */
const APP_ORIGIN =
  /^(?:capacitor|ionic|tauri|app|(?:chrome|moz|safari-web)-extension):\/\/[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?$/i;

export const HTTP = {
  corsOrigins: {
    name: 'LATCHKEY_CORS_ORIGINS',
    default: '',
    description:
      'Origins whose pages may call this server from a browser, a WebView (`capacitor://localhost`) or an extension, comma-separated',
    value: origins(),
  },
  cookies: {
    name: 'LATCHKEY_COOKIES',
    default: 'off',
    developmentDefault: 'on',
    description:
      '`on` lets pages of this origin and of `LATCHKEY_CORS_ORIGINS` keep their refresh token in a cookie',
    value: flag(),
  },
  trustProxy: {
    name: 'LATCHKEY_TRUST_PROXY',
    default: '',
    description: 'Addresses and CIDR blocks of proxies whose `X-Forwarded-For` is believed, comma-separated',
    value: networks(),
  },
} as const satisfies Settings;

/** Origins exactly as browsers and WebViews send them (RFC 6454 §6.2), separated by commas. */
function origins() {
  return list(
    'must be origins as browsers send them, as in https://app.example.com,http://localhost:3000,capacitor://localhost',
    (text) => APP_ORIGIN.test(text) || isPageOrigin(text),
  );
}

/** Schemes that a browser runs, or reads for itself. */
const OF_BROWSERS = /^(javascript|data|vbscript|file|blob|about|filesystem|view-source|https?|wss?|ftp):/;

/** Where people may be led: origins of pages, and whole addresses of apps (RFC 8252 §7.1). */
export function redirectTargets() {
  return list(
    'must be origins as browsers send them, as in https://app.example.com, or addresses of apps, as in com.example.app:/signed-in',
    (text) => isPageOrigin(text) || isAppAddress(text),
  );
}

function isAppAddress(text: string): boolean {
  return (
    /^[a-z][a-z0-9+.-]*:\/[^\s#"<>\\]{0,500}$/.test(text) && !OF_BROWSERS.test(text) && URL.canParse(text)
  );
}

function isPageOrigin(text: string): boolean {
  const url = readUrl(text);
  return url !== undefined && isHttp(url) && url.origin === text && !text.includes('*');
}

/** IP addresses and CIDR blocks, separated by commas. A block of every address there is would trust everybody. */
function networks() {
  return list(
    'must be IP addresses and CIDR blocks, as in 10.0.0.0/8,::1',
    (text) => readNetwork(text) !== undefined,
  );
}
