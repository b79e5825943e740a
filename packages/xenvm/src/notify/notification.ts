/** The historical notifications: a code and a text of parts joined by `:`. */

/** What a notification is about. The numbers are those that listeners know. */
export const NOTIFICATION = {
  ping: 0x0000,
  hup: 0x0001,
  error: 0x0002,
  vmSet: 0x1000,
  trigger: 0x2000,
  state: 0xf000,
} as const;

export type NotificationCode = (typeof NOTIFICATION)[keyof typeof NOTIFICATION];

/** Bytes of a text. Nodes that a guest writes have at most 4096; more than this helps nobody. */
export const MESSAGE_BYTES_MAX = 4096;

/** A notification, ready to be sent. */
export interface Notification {
  readonly uuid: string;
  readonly code: number;
  /** One line, whatever a guest has put into it. */
  readonly message: string;
}

/**
 * The parts as one line. Parts may come from a guest: control characters become `?`, and so does `:` in all but the
 * last part, so that no part can pass for two. The event stream has them as they were.
 */
export function renderMessage(parts: readonly string[]): string {
  const clean = parts.map((part, index) => {
    const line = part.replaceAll(/\p{Cc}/gu, '?');
    return index === parts.length - 1 ? line : line.replaceAll(':', '?');
  });
  return cutBytes(clean.join(':'), MESSAGE_BYTES_MAX);
}

/** What stream listeners get. */
export function renderLine({ uuid, code, message }: Notification): string {
  return `${uuid}:${code}:${message}\n`;
}

/** Never ends inside a character. */
function cutBytes(text: string, bytesMax: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= bytesMax) return text;
  return new TextDecoder().decode(bytes.subarray(0, bytesMax)).replace(/\ufffd$/, '');
}
