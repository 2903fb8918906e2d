/** Variables to type; `environment` reads them. */
export function EnvironmentField({ words, className, placeholder }: { words: string; className: string; placeholder?: string }) {
  return (
    <label className={className}>
      {words}
      <textarea name="env" rows={2} spellCheck={false} autoComplete="off" placeholder={placeholder} />
    </label>
  );
}

/** Variables of a form's NAME=value lines, or what is wrong with them. No value is ever in the message. */
export function environment(form: FormData): Record<string, string> | string {
  const found: Record<string, string> = {};
  const lines = String(form.get("env") ?? "").split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.trim() === "") continue;
    const at = line.indexOf("=");
    if (at < 1) return `Line ${index + 1} of the environment has no NAME= at its beginning.`;
    found[line.slice(0, at).trim()] = line.slice(at + 1);
  }
  return found;
}
