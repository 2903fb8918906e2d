import { Component, type ReactNode } from "react";
import { asApiError } from "../api/resource";
import { ErrorNote } from "./notes";

/** Keeps what fails in one view from taking the page with it. */
export class Boundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state = { error: null as unknown };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return <ErrorNote error={asApiError(this.state.error)} retry={() => location.reload()} />;
  }
}
