import { visible } from "../text";

/** Two texts of which one has to be chosen: somebody else was first. */
export function BothSides({ left, right }: { left: [string, string]; right: [string, string] }) {
  return (
    <div className="both-sides">
      {[left, right].map(([title, text]) => (
        <section key={title} aria-label={title}>
          <h3>{title}</h3>
          <pre tabIndex={0}>{visible(text)}</pre>
        </section>
      ))}
    </div>
  );
}
