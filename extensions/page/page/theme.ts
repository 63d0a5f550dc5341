/// <reference lib="dom" />
/** Dark and light: as the system has it, until the button says otherwise. */
import { byId } from "./dom.ts";

export function startTheme(): void {
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
