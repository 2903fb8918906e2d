import { useLayoutEffect, useRef } from "react";
import { api } from "../api/client";
import { ErrorNote } from "../parts/notes";
import { visible } from "../parts/text";
import { useActing } from "../act";
import { short, type Permission, type SessionState } from "./session";

/** What an agent asks for first, with its answers; Alt and a number give one. */
export function PermissionBar({ session, changed, keys = true }: { session: SessionState; changed: (session: SessionState) => void; keys?: boolean }) {
  const permission = session.permissions[0];
  if (!permission) return null;
  return <Asked key={permission.id} session={session} permission={permission} changed={changed} keys={keys} />;
}

interface AskedProps {
  session: SessionState;
  permission: Permission;
  changed: (session: SessionState) => void;
  keys: boolean;
}

function Asked({ session, permission, changed, keys }: AskedProps) {
  const { busy, error, act } = useActing();
  const answer = (option: string) =>
    act(() => api.POST("/api/v1/sessions/{id}/permissions/{permission}", { params: { path: { id: session.id, permission: permission.id } }, body: { option } }), changed);
  const latest = useRef(answer);
  latest.current = answer;
  // From the moment on in which the question is seen.
  useLayoutEffect(() => {
    if (!keys) return;
    const pressed = (event: KeyboardEvent) => {
      const option = permission.options[Number(/^Digit([1-9])$/.exec(event.code)?.[1] ?? 0) - 1];
      if (!event.altKey || event.ctrlKey || event.metaKey || !option) return;
      event.preventDefault();
      latest.current(option.id);
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [keys, permission]);

  const more = session.permissions.length - 1;
  return (
    <section className="ask" aria-label="The agent asks">
      <p className="ask-title" role="status">
        <span>May it{permission.kind === "edit" ? " edit" : permission.kind === "execute" ? " run" : ""}?</span>{" "}
        <code>{visible(permission.command ?? permission.title)}</code>
        {more > 0 && <span className="quiet small"> and {more} more</span>}
      </p>
      <div className="row">
        {permission.options.map((option, index) => (
          <button
            key={option.id}
            type="button"
            className={option.kind === "allow_once" ? "primary" : ""}
            disabled={busy}
            title={option.name.length > 80 ? visible(option.name) : undefined}
            onClick={() => answer(option.id)}
          >
            {visible(short(option.name))}
            {keys && index < 9 && <kbd aria-hidden="true">Alt {index + 1}</kbd>}
          </button>
        ))}
      </div>
      {error && <ErrorNote error={error} />}
    </section>
  );
}
