/// <reference lib="dom" />
/** An editor that shows the page beside its text: where its cursor is, and which line the page is at. */

/** A line of a file of the report. */
export interface EditorCursor {
  readonly file: string;
  readonly line: number;
}

/** What VS Code has for a page in it. */
declare const acquireVsCodeApi: (() => { postMessage(message: unknown): void }) | undefined;

/**
 * Connects the page with the editor around it; the editor has the source.
 * @returns Says the place of the page, `file:line`, to the editor; null where there is none.
 */
export function besideEditor(
  follow: (cursor: EditorCursor) => void,
): ((place: string) => void) | null {
  if (typeof acquireVsCodeApi === "undefined") return null;
  const editor = acquireVsCodeApi();
  const { body, documentElement } = document;
  body.dataset.beside = "";
  const isLight = body.dataset.vscodeThemeKind?.endsWith("light") === true;
  documentElement.dataset.theme = isLight ? "light" : "dark";
  addEventListener("message", ({ data }) => follow(data));
  return (place) => editor.postMessage({ place });
}
