/**
 * Decodes keys from a terminal's input. Node's own decoder reads the sequences of keys. Pasted text
 * is removed before the input reaches that decoder, because Node does not know the marks around
 * pasted text on every host.
 */
import { EventEmitter } from "node:events";
import { emitKeypressEvents } from "node:readline";

/** A key that was pressed, or a text that was pasted. */
export interface KeyPress {
  /** `up`, `ctrl-r`, `alt-b`, `shift-tab`, `enter`; `text` for typed text, `paste` for pasted text. */
  readonly name: string;
  /** Typed or pasted text; empty for all other keys. */
  readonly text: string;
}

const PASTE_BEGIN = "\x1b[200~";
const PASTE_END = "\x1b[201~";

/** How long to wait after an Escape for the rest of another key's sequence. */
const ESCAPE_MS = 50;

/** Sent by `node:readline`. */
interface Pressed {
  readonly name?: string;
  readonly sequence: string;
  readonly ctrl: boolean;
  readonly meta: boolean;
  readonly shift: boolean;
}

/** Receives bytes in pieces, and calls back with keys. */
export class KeyDecoder {
  readonly #decoder = new TextDecoder();
  readonly #stream = new EventEmitter();
  /** Characters at the end of the input that may be the beginning of a mark. */
  #held = "";
  /** The pasted text so far; null outside of a paste. */
  #pasted: string | null = null;

  constructor(private readonly onKey: (key: KeyPress) => void) {
    const timing: object = { escapeCodeTimeout: ESCAPE_MS };
    type Streams = Parameters<typeof emitKeypressEvents>;
    emitKeypressEvents(this.#stream as Streams[0], timing as Streams[1]);
    this.#stream.on("keypress", (text: string | undefined, key: Pressed) => {
      onKey(keyOf(text ?? "", key));
    });
  }

  push(bytes: Uint8Array): void {
    let text = this.#held + this.#decoder.decode(bytes, { stream: true });
    this.#held = "";
    while (text !== "") {
      const mark = this.#pasted === null ? PASTE_BEGIN : PASTE_END;
      const at = text.indexOf(mark);
      const end = at >= 0 ? at : text.length - this.#beginningOf(mark, text);
      this.#take(text.slice(0, end));
      if (at < 0) {
        this.#held = text.slice(end);
        return;
      }
      this.#turn();
      text = text.slice(at + mark.length);
    }
  }

  #take(text: string): void {
    if (this.#pasted !== null) this.#pasted += text;
    else if (text !== "") this.#stream.emit("data", new TextEncoder().encode(text));
  }

  /**
   * The number of characters at the end of a text that may be the beginning of a mark. Outside of
   * pasted text, a single Escape is not counted as such a beginning: it is a key press, and would
   * be held back until the next input.
   */
  #beginningOf(mark: string, text: string): number {
    const least = this.#pasted === null ? 2 : 1;
    for (let length = Math.min(mark.length - 1, text.length); length >= least; length--) {
      if (text.endsWith(mark.slice(0, length))) return length;
    }
    return 0;
  }

  #turn(): void {
    const pasted = this.#pasted;
    this.#pasted = pasted === null ? "" : null;
    if (pasted !== null) {
      this.onKey({ name: "paste", text: pasted.replace(/\r\n?/g, "\n") });
    }
  }
}

function keyOf(text: string, { ctrl, meta, name, sequence, shift }: Pressed): KeyPress {
  const isTyped = text !== "" && !ctrl && !meta && text >= " " && text !== "\x7f";
  if (isTyped) return { name: "text", text };
  const own = name === undefined || name === "undefined"
    ? sequence
    : name === "return"
    ? "enter"
    : name;
  // Node reports the Escape key as pressed with Alt.
  const marks = [
    ...ctrl ? ["ctrl"] : [],
    ...meta && own !== "escape" ? ["alt"] : [],
    ...shift ? ["shift"] : [],
  ];
  return { name: [...marks, own].join("-"), text: "" };
}
