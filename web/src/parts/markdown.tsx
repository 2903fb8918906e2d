import { Lexer, type Token, type Tokens } from "marked";
import { Fragment, useMemo, type ReactNode } from "react";
import { href } from "../route";
import { visible } from "./text";

/**
 * Markdown as elements: no HTML is ever made of it, and HTML in it is shown as the text that it is.
 *
 * @param level The heading level that `#` becomes.
 */
export function Markdown({ text, level = 2 }: { text: string; level?: number }) {
  const tokens = useMemo(() => new Lexer({ gfm: true }).lex(text), [text]);
  return <div className="prose">{tokens.map((token, index) => <Fragment key={index}>{block(token, level)}</Fragment>)}</div>;
}

const blocks = (tokens: Token[] | undefined, level: number): ReactNode =>
  tokens?.map((token, index) => <Fragment key={index}>{block(token, level)}</Fragment>);
const inlines = (tokens: Token[] | undefined): ReactNode =>
  tokens?.map((token, index) => <Fragment key={index}>{inline(token)}</Fragment>);

function block(token: Token, level: number): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading": {
      const heading = token as Tokens.Heading;
      const Heading = `h${Math.min(heading.depth + level - 1, 6)}` as "h2";
      return <Heading>{inlines(heading.tokens)}</Heading>;
    }
    case "paragraph":
      return <p>{inlines((token as Tokens.Paragraph).tokens)}</p>;
    case "blockquote":
      return <blockquote>{blocks((token as Tokens.Blockquote).tokens, level)}</blockquote>;
    case "code":
      return (
        <pre tabIndex={0}>
          <code>{visible((token as Tokens.Code).text)}</code>
        </pre>
      );
    case "list":
      return list(token as Tokens.List, level);
    case "hr":
      return <hr />;
    case "table":
      return table(token as Tokens.Table);
    default:
      return inline(token);
  }
}

function list(token: Tokens.List, level: number): ReactNode {
  const items = token.items.map((item, index) => (
    <li key={index} className={item.task ? "task" : undefined}>
      {item.task && <input type="checkbox" checked={item.checked ?? false} disabled aria-label="task" />}
      {blocks(item.tokens, level)}
    </li>
  ));
  return token.ordered ? <ol start={token.start === "" ? 1 : token.start}>{items}</ol> : <ul>{items}</ul>;
}

function table(token: Tokens.Table): ReactNode {
  return (
    <div className="table" role="group" aria-label="Table" tabIndex={0}>
      <table>
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              <th key={index} scope="col">
                {inlines(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            <tr key={index}>
              {row.map((cell, at) => (
                <td key={at}>{inlines(cell.tokens)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function inline(token: Token): ReactNode {
  switch (token.type) {
    case "strong":
      return <strong>{inlines((token as Tokens.Strong).tokens)}</strong>;
    case "em":
      return <em>{inlines((token as Tokens.Em).tokens)}</em>;
    case "del":
      return <del>{inlines((token as Tokens.Del).tokens)}</del>;
    case "codespan":
      return <code>{visible((token as Tokens.Codespan).text)}</code>;
    case "br":
      return <br />;
    case "link":
      return <Link to={(token as Tokens.Link).href}>{inlines((token as Tokens.Link).tokens)}</Link>;
    case "image":
      return <span className="quiet">[image: {visible((token as Tokens.Image).text)}]</span>;
    case "escape":
      return visible((token as Tokens.Escape).text);
    case "text": {
      const text = token as Tokens.Text;
      return text.tokens ? inlines(text.tokens) : visible(unescaped(text.text));
    }
    default:
      return visible(token.raw);
  }
}

/** A link that leads to the web or to another page of the portfolio; any other is only its text. */
function Link({ to, children }: { to: string; children: ReactNode }) {
  if (/^(https?|mailto):/i.test(to)) {
    return (
      <a href={to} target="_blank" rel="noopener noreferrer nofollow">
        {children}
      </a>
    );
  }
  const page = /^(?:portfolio:\/\/|(?:\.\/)?)([\w.-]+?)(?:\.md)?(?:#.*)?$/i.exec(to);
  return page?.[1] ? <a href={href(["portfolio", page[1]])}>{children}</a> : <>{children}</>;
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0", mdash: "—", ndash: "–", hellip: "…" };
const unescaped = (text: string) => text.replace(/&(\w+);/g, (all, name: string) => ENTITIES[name] ?? all);
