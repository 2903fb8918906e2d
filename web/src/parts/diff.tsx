import { visible } from "./text";

/** A unified diff. What could hide in it is shown. */
export function Diff({ text, label }: { text: string; label: string }) {
  const lines = text.split("\n").filter((line, index, all) => index < all.length - 1 || line !== "");
  let inside = false;
  return (
    <pre className="diff" role="group" tabIndex={0} aria-label={label}>
      {lines.map((line, index) => {
        inside ||= line.startsWith("@@");
        return (
          <span key={index} className={`diff-line ${kind(line, inside)}`}>
            {visible(line)}
            {"\n"}
          </span>
        );
      })}
    </pre>
  );
}

function kind(line: string, inside: boolean): string {
  if (!inside) return "diff-head";
  if (line.startsWith("@@")) return "diff-at";
  return line.startsWith("+") ? "diff-new" : line.startsWith("-") ? "diff-old" : "";
}
