import { useState, type FormEvent } from "react";
import { asApiError } from "./api/resource";
import { signIn } from "./api/session";
import { mark } from "./host";

/** How to sign in: with a link, or with the code at its end. */
export function SignedOut({ why }: { why: string }) {
  const [problem, setProblem] = useState(why);
  const [code, setCode] = useState("");

  function submit(event: FormEvent): void {
    event.preventDefault();
    signIn(code.trim().replace(/^.*\/open\//, "")).then(
      () => location.reload(),
      (error: unknown) => {
        const { message, hint } = asApiError(error);
        setProblem(`${message}. ${hint ?? ""}`);
      },
    );
  }

  return (
    <main className="signed-out">
      <div className="card">
        <img src={mark} alt="" width="40" height="40" />
        <h1>This browser is not signed in</h1>
        <p>
          Run <code>agentos open</code> in a terminal of the computer that runs the hub. It prints a link that signs
          one browser in, once.
        </p>
        {problem && (
          <p className="note note-bad" role="alert">
            {problem}
          </p>
        )}
        <form onSubmit={submit}>
          <label htmlFor="code">The link, or the code at its end</label>
          <div className="row">
            <input id="code" value={code} onChange={(event) => setCode(event.target.value)} autoComplete="off" spellCheck={false} required />
            <button type="submit" className="primary">
              Sign in
            </button>
          </div>
        </form>
      </div>
    </main>
  );
}
