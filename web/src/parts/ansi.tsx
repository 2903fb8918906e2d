import { Fragment, useMemo } from "react";
import { visible } from "./text";

/** Colours and weights, and every other sequence: what is no colour is left out. */
// eslint-disable-next-line no-control-regex
const SEQUENCE = /\u001b\[([0-9;:]*)m|\u001b\[[0-?]*[ -/]*[@-~]|\u001b\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|\u001b[PX^_][^\u001b]*(?:\u001b\\)?|\u001b[ -/]*[0-~]?/g;

interface Style {
  colour: number | null;
  bold: boolean;
  dim: boolean;
}
interface Piece {
  text: string;
  style: Style;
}
const PLAIN: Style = { colour: null, bold: false, dim: false };

/** What a command wrote to its terminal, in its colours, as text. */
export function Ansi({ text }: { text: string }) {
  const pieces = useMemo(() => parse(lastOfEachLine(text)), [text]);
  return (
    <>
      {pieces.map(({ text: shown, style }, index) =>
        style === PLAIN ? (
          <Fragment key={index}>{visible(shown)}</Fragment>
        ) : (
          <span key={index} className={named(style)}>
            {visible(shown)}
          </span>
        ),
      )}
    </>
  );
}

/** Of a line that was written over again and again, as progress is, its last state. */
const lastOfEachLine = (text: string) => text.replace(/\r+\n/g, "\n").replace(/[^\n]*\r(?=[^\n])/g, "");

export function parse(text: string): Piece[] {
  const pieces: Piece[] = [];
  let style = PLAIN;
  let from = 0;
  const upTo = (end: number) => {
    const shown = text.slice(from, end);
    const last = pieces.at(-1);
    if (shown === "") return;
    if (last && last.style === style) last.text += shown;
    else pieces.push({ text: shown, style });
  };
  for (const found of text.matchAll(SEQUENCE)) {
    upTo(found.index);
    from = found.index + found[0].length;
    if (found[1] !== undefined) style = changed(style, found[1]);
  }
  upTo(text.length);
  return pieces;
}

function changed(style: Style, codes: string): Style {
  let next = { ...style };
  const numbers = codes.split(/[;:]/).map(Number);
  for (let at = 0; at < numbers.length; at++) {
    const code = numbers[at] ?? 0;
    if (code === 0) next = { ...PLAIN };
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code >= 30 && code <= 37) next.colour = code - 30;
    else if (code >= 90 && code <= 97) next.colour = code - 90;
    else if (code === 39) next.colour = null;
    else if (code === 38 || code === 48) {
      const indexed = numbers[at + 1] === 5;
      const index = numbers[at + 2] ?? 0;
      if (code === 38) next.colour = indexed && index < 16 ? index % 8 : null;
      at += indexed ? 2 : 4;
    }
  }
  return next.colour === null && !next.bold && !next.dim ? PLAIN : next;
}

const named = ({ colour, bold, dim }: Style) =>
  [colour === null ? "" : `ansi-${colour}`, bold ? "ansi-bold" : "", dim ? "quiet" : ""].filter(Boolean).join(" ");
