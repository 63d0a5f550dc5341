/**
 * Edits an input of one or several lines: the effect of each key. The editor does not know a
 * terminal.
 *
 * `node:readline` edits single lines only, does not search a history, and treats pasted text as
 * keys. Therefore only the key decoder of `node:readline` is used, and editing is implemented here.
 */
import type { Suggestion, Suggestions } from "@dmalab/lang/editor";
import type { InputHistory } from "./input_history.ts";
import type { KeyPress } from "./keys.ts";
import * as place from "./line_text.ts";

export interface EditorParts {
  readonly history: InputHistory;
  /** Completions at the end of a text. */
  suggest(before: string): Suggestions;
  /** Whether Enter ends the input; if not, Enter adds a line. */
  isWhole(text: string): boolean;
  /** Converts a pasted text to the text to insert. */
  pasted?(text: string): string;
}

export type EditorAction = "edited" | "entered" | "dropped" | "ended" | "suspended" | "cleared";

interface Search {
  query: string;
  /** Index of the found input in the history. */
  index: number;
  isFound: boolean;
  readonly before: { readonly text: string; readonly cursor: number };
}

const INDENT = "  ";

type Act = (editor: LineEditor) => EditorAction | void;
type Place = (text: string, at: number) => number;

export class LineEditor {
  #text = "";
  #cursor = 0;
  /**
   * Index of the shown input of the history; the length of the history while a new input is shown.
   */
  #index: number;
  /** The new input, while an older one is shown. */
  #draft = "";
  #search: Search | null = null;
  #cut = "";
  #suggestions: readonly Suggestion[] = [];

  constructor(private readonly parts: EditorParts) {
    this.#index = parts.history.length;
  }

  get text(): string {
    return this.#text;
  }

  /** The number of UTF-16 units before the cursor. */
  get cursor(): number {
    return this.#cursor;
  }

  /**
   * The text that a search in the history looks for, and whether it was found; null if no search is
   * active.
   */
  get search(): { readonly query: string; readonly isFound: boolean } | null {
    return this.#search;
  }

  /** The completions of the last Tab, if there were several. */
  get suggestions(): readonly Suggestion[] {
    return this.#suggestions;
  }

  /** Replaces the text, and moves the cursor to its end. */
  set(text: string): void {
    this.#text = text;
    this.#cursor = text.length;
  }

  /** Returns the finished text, adds it to the history, and begins an empty text. */
  take(): string {
    const text = this.#text;
    this.parts.history.add(text);
    this.drop();
    return text;
  }

  drop(): void {
    this.set("");
    this.#search = null;
    this.#suggestions = [];
    this.#draft = "";
    this.#index = this.parts.history.length;
  }

  press(key: KeyPress): EditorAction {
    this.#suggestions = [];
    if (this.#search !== null) {
      const action = this.#searching(this.#search, key);
      if (action !== null) return action;
    }
    if (key.name === "text") this.#insert(key.text);
    else if (key.name === "paste") {
      const text = this.parts.pasted?.(key.text) ?? key.text;
      this.#insert(text.replaceAll("\t", INDENT));
    } else return LineEditor.#KEYS[key.name]?.(this) ?? "edited";
    return "edited";
  }

  #insert(text: string): void {
    this.#text = this.#text.slice(0, this.#cursor) + text + this.#text.slice(this.#cursor);
    this.#cursor += text.length;
  }

  #erase(from: number, to: number, keeps: boolean): void {
    if (keeps && to > from) this.#cut = this.#text.slice(from, to);
    this.#text = this.#text.slice(0, from) + this.#text.slice(to);
    this.#cursor = from;
  }

  #enter(): EditorAction {
    if (this.parts.isWhole(this.#text)) return "entered";
    const [indent] = this.#text.slice(place.lineStart(this.#text, this.#cursor)).match(/^ */)!;
    const opens = /[[({]\s*$/.test(this.#text.slice(0, this.#cursor));
    this.#insert(`\n${indent}${opens ? INDENT : ""}`);
    return "edited";
  }

  /**
   * Moves to the line above or below. From the first line it moves up to the previous input, from the
   * last line down to the next input.
   */
  #line(way: 1 | -1): void {
    const at = way < 0
      ? place.above(this.#text, this.#cursor)
      : place.below(this.#text, this.#cursor);
    if (at !== null) {
      this.#cursor = at;
      return;
    }
    const { history } = this.parts;
    const index = this.#index + way;
    if (index < 0 || index > history.length) return;
    if (this.#index === history.length) this.#draft = this.#text;
    this.#index = index;
    this.set(history.at(index) ?? this.#draft);
  }

  #beginSearch(): void {
    const before = { text: this.#text, cursor: this.#cursor };
    this.#search = { query: "", index: this.parts.history.length, isFound: true, before };
  }

  /**
   * Handles a key during a search. Returns null for a key that ends the search; such a key then has
   * its usual effect.
   */
  #searching(search: Search, key: KeyPress): EditorAction | null {
    const typed = key.name === "text" ? key.text : key.name === "paste" ? key.text : "";
    if (typed !== "") {
      search.query += typed;
      this.#find(search, Math.min(search.index, this.parts.history.length - 1), -1);
    } else if (key.name === "backspace") {
      search.query = search.query.slice(0, place.before(search.query, search.query.length));
      this.#find(search, this.parts.history.length - 1, -1);
    } else if (key.name === "ctrl-r") this.#find(search, search.index - 1, -1);
    else if (key.name === "ctrl-s") this.#find(search, search.index + 1, 1);
    else {
      this.#search = null;
      if (key.name === "ctrl-g" || key.name === "ctrl-c") {
        this.#text = search.before.text;
        this.#cursor = search.before.cursor;
        return "edited";
      }
      if (key.name === "escape") return "edited";
      return null;
    }
    return "edited";
  }

  #find(search: Search, from: number, way: 1 | -1): void {
    if (search.query === "") {
      search.isFound = true;
      return;
    }
    const index = this.parts.history.find(search.query, from, way);
    search.isFound = index >= 0;
    if (index < 0) return;
    search.index = index;
    this.#index = index;
    this.#text = this.parts.history.at(index)!;
    this.#cursor = this.#text.indexOf(search.query);
  }

  #complete(): void {
    const before = this.#text.slice(0, this.#cursor);
    const { all, part } = this.parts.suggest(before);
    // At the beginning of a line, Tab indents.
    if (all.length === 0 && /(^|\n)\s*$/.test(before) && before !== "") this.#insert(INDENT);
    const common = commonBeginning(all.map(({ text }) => text));
    if (common.length > part.length) this.#insert(common.slice(part.length));
    if (all.length > 1) this.#suggestions = all;
  }

  static #going(where: Place): Act {
    return (editor) => void (editor.#cursor = where(editor.#text, editor.#cursor));
  }

  /** @param keeps Whether Ctrl-Y can insert the erased text again. */
  static #erasing(where: Place, keeps = true): Act {
    return (editor) => {
      const to = where(editor.#text, editor.#cursor);
      editor.#erase(Math.min(editor.#cursor, to), Math.max(editor.#cursor, to), keeps);
    };
  }

  /** The effects of keys that type no text, as in shells and `node:readline`. */
  static readonly #KEYS: Readonly<Record<string, Act>> = {
    "left": LineEditor.#going(place.before),
    "ctrl-b": LineEditor.#going(place.before),
    "right": LineEditor.#going(place.after),
    "ctrl-f": LineEditor.#going(place.after),
    "home": LineEditor.#going(place.lineStart),
    "ctrl-a": LineEditor.#going(place.lineStart),
    "end": LineEditor.#going(place.lineEnd),
    "ctrl-e": LineEditor.#going(place.lineEnd),
    "ctrl-left": LineEditor.#going(place.wordStart),
    "alt-b": LineEditor.#going(place.wordStart),
    "ctrl-right": LineEditor.#going(place.wordEnd),
    "alt-f": LineEditor.#going(place.wordEnd),
    "backspace": LineEditor.#erasing(place.before, false),
    "ctrl-h": LineEditor.#erasing(place.before, false),
    "delete": LineEditor.#erasing(place.after, false),
    "ctrl-k": LineEditor.#erasing(place.lineEnd),
    "ctrl-u": LineEditor.#erasing(place.lineStart),
    "ctrl-w": LineEditor.#erasing(place.wordStart),
    "alt-backspace": LineEditor.#erasing(place.wordStart),
    "alt-d": LineEditor.#erasing(place.wordEnd),
    "ctrl-y": (editor) => editor.#insert(editor.#cut),
    "up": (editor) => editor.#line(-1),
    "ctrl-p": (editor) => editor.#line(-1),
    "down": (editor) => editor.#line(1),
    "ctrl-n": (editor) => editor.#line(1),
    "ctrl-r": (editor) => editor.#beginSearch(),
    "tab": (editor) => editor.#complete(),
    "enter": (editor) => editor.#enter(),
    "alt-enter": (editor) => editor.#insert("\n"),
    "ctrl-c": () => "dropped",
    "ctrl-d": (editor) =>
      editor.#text === "" ? "ended" : LineEditor.#erasing(place.after, false)(editor),
    "ctrl-l": () => "cleared",
    "ctrl-z": () => "suspended",
  };
}

function commonBeginning(texts: readonly string[]): string {
  let common = texts[0] ?? "";
  for (const text of texts) while (!text.startsWith(common)) common = common.slice(0, -1);
  return common;
}
