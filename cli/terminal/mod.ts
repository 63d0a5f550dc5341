/** Other workspace members use these exports of `cli/terminal`. */
export type { KeyPress } from "./keys.ts";
export { INTERRUPT } from "./line_console.ts";
export { Queue } from "./terminal.ts";
export type { TerminalInput } from "./terminal.ts";
export { editText } from "./text_editor.ts";
