/** Variables of NAME=value lines, or what is wrong with them. No value is ever in the message. */
export function environment(typed: string): Record<string, string> | string {
  const found: Record<string, string> = {};
  const lines = typed.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const at = line.indexOf("=");
    if (at < 1) return `Line ${index + 1} of the environment has no NAME= at its beginning.`;
    found[line.slice(0, at).trim()] = line.slice(at + 1);
  }
  return found;
}
