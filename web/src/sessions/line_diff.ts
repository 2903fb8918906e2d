/** More pairs of lines than this are not compared: all old ones go, all new ones come. */
const MOST_PAIRS = 4_000_000;
const CONTEXT = 3;

type Line = { sign: " " | "-" | "+"; text: string };

/** Returns what changed between two texts as a unified diff with three lines around each change. */
export function lineDiff(before: string | null, after: string | null): string {
  const lines = compared(split(before), split(after));
  const out: string[] = [];
  let old = 1;
  let fresh = 1;
  let shown = -1;
  const near = nearChange(lines);
  lines.forEach((line, index) => {
    if (near[index]) {
      if (shown !== index - 1 || index === 0) out.push(`@@ -${old} +${fresh} @@`);
      out.push(line.sign + line.text);
      shown = index;
    }
    if (line.sign !== "+") old += 1;
    if (line.sign !== "-") fresh += 1;
  });
  return out.join("\n");
}

function split(text: string | null): string[] {
  if (text === null || text === "") return [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function compared(old: string[], fresh: string[]): Line[] {
  let head = 0;
  while (head < old.length && head < fresh.length && old[head] === fresh[head]) head += 1;
  let tail = 0;
  while (tail < old.length - head && tail < fresh.length - head && old[old.length - 1 - tail] === fresh[fresh.length - 1 - tail]) tail += 1;
  const same = (lines: string[]): Line[] => lines.map((text) => ({ sign: " ", text }));
  return [
    ...same(old.slice(0, head)),
    ...middle(old.slice(head, old.length - tail), fresh.slice(head, fresh.length - tail)),
    ...same(old.slice(old.length - tail)),
  ];
}

/** Finds a longest common subsequence of lines. */
function middle(old: string[], fresh: string[]): Line[] {
  const gone = (text: string): Line => ({ sign: "-", text });
  const come = (text: string): Line => ({ sign: "+", text });
  if (old.length === 0 || fresh.length === 0 || old.length * fresh.length > MOST_PAIRS) return [...old.map(gone), ...fresh.map(come)];
  const width = fresh.length + 1;
  const longest = new Uint32Array((old.length + 1) * width);
  const at = (i: number, j: number) => longest[i * width + j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = fresh.length - 1; j >= 0; j--)
      longest[i * width + j] = old[i] === fresh[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < fresh.length) {
    const a = old[i];
    const b = fresh[j];
    if (a !== undefined && a === b) {
      lines.push({ sign: " ", text: a });
      i += 1;
      j += 1;
    } else if (a !== undefined && (b === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(gone(a));
      i += 1;
    } else if (b !== undefined) {
      lines.push(come(b));
      j += 1;
    }
  }
  return lines;
}

function nearChange(lines: Line[]): boolean[] {
  const near = lines.map(() => false);
  lines.forEach((line, index) => {
    if (line.sign === " ") return;
    for (let at = Math.max(0, index - CONTEXT); at <= Math.min(lines.length - 1, index + CONTEXT); at++) near[at] = true;
  });
  return near;
}
