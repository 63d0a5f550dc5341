/** The key bindings: each key runs a command that can be typed as well. */

export interface BoundKey {
  /** The terminal's names of the keys. The name of a character's key is that character. */
  readonly keys: readonly string[];
  readonly command: string;
  /** The key only begins the command: an argument is typed after it. */
  readonly asks?: true;
  /** Text of the hint about this key at the bottom of the screen; without it there is no hint. */
  readonly hint?: string;
}

export const BOUND_KEYS: readonly BoundKey[] = [
  { keys: ["?", "f1"], command: ":keys", hint: "keys" },
  { keys: ["right"], command: ":step", hint: "event" },
  { keys: ["left"], command: ":back", hint: "back" },
  { keys: ["down"], command: ":next", hint: "statement" },
  { keys: ["up"], command: ":prev", hint: "back" },
  { keys: ["i"], command: ":into", hint: "into" },
  { keys: ["o"], command: ":out", hint: "out" },
  { keys: ["a"], command: ":activity" },
  { keys: ["c"], command: ":continue", hint: "continue" },
  { keys: ["C"], command: ":rcontinue" },
  { keys: ["home"], command: ":goto start" },
  { keys: ["end"], command: ":goto end" },
  { keys: ["g"], command: ":goto", asks: true },
  { keys: ["b"], command: ":break", asks: true },
  { keys: ["/"], command: ":find", asks: true },
  { keys: ["w"], command: ":who", asks: true },
  { keys: ["r"], command: ":rewind", asks: true },
  { keys: ["e"], command: ":eval", asks: true },
  { keys: ["W"], command: ":watch", asks: true },
  { keys: ["m"], command: ":mark", asks: true },
  { keys: ["y"], command: ":why" },
  { keys: ["tab"], command: ":pane" },
  { keys: ["shift-tab"], command: ":pane back" },
  { keys: ["j"], command: ":select down" },
  { keys: ["k"], command: ":select up" },
  { keys: ["pagedown"], command: ":select down page" },
  { keys: ["pageup"], command: ":select up page" },
  { keys: ["enter"], command: ":enter" },
  { keys: ["u"], command: ":return" },
  { keys: ["t"], command: ":table" },
  { keys: ["T"], command: ":table", asks: true },
  { keys: ["v"], command: ":said" },
  { keys: ["R"], command: ":runs" },
  { keys: ["ctrl-l"], command: ":redraw" },
  { keys: ["q", "ctrl-d"], command: ":quit", hint: "quit" },
];

/** The names of some keys in the help. Other keys have the terminal's name. */
const SHOWN: Readonly<Record<string, string>> = { left: "←", right: "→", up: "↑", down: "↓" };

export function keyText({ keys }: BoundKey): string {
  return keys.map((key) => SHOWN[key] ?? key).join(" ");
}
