/// <reference lib="dom" />
/** Dark or light theme: as in the system settings, until the user presses the button. */
import { colourProperties, DRAWING_STYLE } from "@dmalab/recording/views";
import { byId } from "../view/dom.ts";

export function startTheme(): void {
  const style = document.createElement("style");
  style.textContent = `:root{color-scheme:light;${colourProperties("light")}}` +
    `:root[data-theme="dark"]{color-scheme:dark;${colourProperties("dark")}}${DRAWING_STYLE}`;
  document.head.append(style);
  const { dataset } = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const follow = () => void (dataset.theme = system.matches ? "dark" : "light");
  follow();
  system.addEventListener("change", follow);
  byId("theme").addEventListener("click", () => {
    system.removeEventListener("change", follow);
    dataset.theme = dataset.theme === "dark" ? "light" : "dark";
  });
}
