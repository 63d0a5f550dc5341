/// <reference lib="dom" />
/**
 * The line below the toolbar. It shows an important message, with buttons if the user has to
 * decide.
 */
import { byId } from "../view/dom.ts";
import type { PageAction } from "../view/page_model.ts";

export class Messages {
  readonly #line = byId("message");
  readonly #action = byId<HTMLButtonElement>("message-action");
  #act: () => void = () => {};
  /** Whether the message stays until the user closes it. */
  #stays = false;

  constructor() {
    byId("message-close").addEventListener("click", () => void (this.#line.hidden = true));
    this.#action.addEventListener("click", () => {
      this.#line.hidden = true;
      this.#act();
    });
  }

  show(text: string, action: PageAction | null = null, stays = action !== null): void {
    this.#stays = stays;
    this.#line.hidden = false;
    this.#line.querySelector("span")!.textContent = text;
    this.#action.hidden = action === null;
    if (action === null) return;
    this.#action.textContent = action.title;
    this.#act = action.act;
  }

  hide(): void {
    if (!this.#stays) this.#line.hidden = true;
  }
}
