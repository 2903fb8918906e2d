/** Characters that turn text around, are not seen, or steer a terminal. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

/** Text that others wrote, on one line, with what is not seen shown by its number. */
export function shown(text: string, longest = 200): string {
  const line = text.replace(/[\t\n\r ]+/g, " ").trim();
  const cut = line.length > longest ? `${line.slice(0, longest - 1)}…` : line;
  return cut.replace(UNSEEN, (sign) => `⟨${sign.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** The same for a message of the editor, which would make links of `[words](command:...)`. */
export function message(text: string): string {
  return shown(text, 500).replaceAll("](", "] (");
}

/** What went wrong, in words. */
export function reason(error: unknown): string {
  return message(error instanceof Error ? error.message : String(error));
}

/** An amount as people of the editor's language write it. */
export function money(amount: number, currency: string): string {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  } catch (error) {
    if (error instanceof RangeError) return `${amount.toFixed(2)} ${currency}`;
    throw error;
  }
}

/** The last line that a program printed. */
export function lastLine(said: string): string {
  return shown(said.trim().split("\n").at(-1) ?? "");
}
