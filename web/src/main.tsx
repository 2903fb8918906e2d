import { createRoot } from "react-dom/client";
import { App } from "./app";
import { applyTheme } from "./theme";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/session.css";

applyTheme();
const place = document.getElementById("page");
if (place) createRoot(place).render(<App />);
