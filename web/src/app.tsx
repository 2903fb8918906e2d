import { useEffect, useState } from "react";
import { api, whenSignedOut } from "./api/client";
import { signIn } from "./api/session";
import { asApiError } from "./api/resource";
import { pageHalf } from "./api/storage";
import { inEditor } from "./host";
import { LiveEvents } from "./live";
import { parse, useRoute } from "./route";
import { Shell } from "./shell";
import { SignedOut } from "./signed_out";

type State = { signedIn: boolean | null; why: string };

/** Signs in by the code of the link, if it is one, and shows the page or how to sign in. */
export function App() {
  const [state, setState] = useState<State>({ signedIn: inEditor ? true : null, why: "" });
  const route = useRoute();
  const code = route.path[0] === "open" ? (route.path[1] ?? "") : null;

  useEffect(() => {
    if (inEditor) return;
    whenSignedOut(() => {
      pageHalf.clear();
      setState({ signedIn: false, why: "" });
    });
    if (code === null) {
      if (pageHalf.get() === null) setState((old) => ({ signedIn: false, why: old.why }));
      // A hub that is away now knows this browser when it is back; a 401 is told above.
      else api.GET("/api/v1/browser/session").then(
        () => setState({ signedIn: true, why: "" }),
        (error: unknown) => asApiError(error).status !== 401 && setState({ signedIn: true, why: "" }),
      );
      return;
    }
    const taken = code;
    // Neither the history nor a second look at the address may hold the code.
    history.replaceState(null, "", "#/now");
    signIn(taken).then(
      () => setState({ signedIn: true, why: "" }),
      (error: unknown) => {
        const { message, hint } = asApiError(error);
        if (parse(location.hash).path[0] === "now" && pageHalf.get() !== null) location.reload();
        else setState({ signedIn: false, why: `${message}. ${hint ?? ""}` });
      },
    );
    // The code of the first look counts, and one that comes into a page that is open.
    // eslint-disable-next-line
  }, [code]);

  if (state.signedIn === null) return null;
  if (!state.signedIn) return <SignedOut why={state.why} />;
  return (
    <LiveEvents>
      <Shell />
    </LiveEvents>
  );
}
