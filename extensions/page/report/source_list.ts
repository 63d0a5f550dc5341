/// <reference lib="dom" />
/** The source in a report: read-only lines that can be pointed at and clicked. */
import type { SourceFile } from "@dmalab/lang";
import type { Colour } from "../page/highlight.ts";
import { el } from "../view/dom.ts";
import { marksIn } from "../view/page_model.ts";
import type { RunIndex } from "@dmalab/recording/views";
import { formatCount } from "@dmalab/lang/text";
import type { LineNote, SourceView } from "../view/viewer.ts";

interface LineEvents {
  readonly onStop: (line: number) => void;
  readonly onRunTo: (line: number) => void;
  readonly onPoint: (line: number | null) => void;
  readonly onNext: (events: readonly number[]) => void;
}

export class SourceList {
  readonly #lines: HTMLElement[] = [];
  #name = "";
  #index: RunIndex | null = null;
  #notes: readonly LineNote[] = [];
  /** The line of the current statement. */
  #here: HTMLElement | null = null;

  constructor(private readonly root: HTMLElement, private readonly events: LineEvents) {
    root.addEventListener("mouseleave", () => events.onPoint(null));
  }

  get name(): string {
    return this.#name;
  }

  /** @param colours Coloured pieces of the source, in order. */
  show(source: SourceFile, colours: readonly Colour[]): void {
    this.#name = source.name;
    this.#here = null;
    const { text } = source;
    if (text.trim() === "") {
      this.#lines.length = 0;
      return this.root.replaceChildren(
        el("p", { class: "empty" }, "This report does not contain the source."),
      );
    }
    let next = 0;
    this.#lines.length = 0;
    source.lineStarts.forEach((start, index) => {
      const line = index + 1;
      const end = start + source.line(line).length;
      const code = el("code", {});
      let at = start;
      for (; next < colours.length && colours[next]!.from < end; next++) {
        const { from, name, to } = colours[next]!;
        code.append(
          text.slice(at, from),
          el("span", { class: `tok-${name}` }, text.slice(from, to)),
        );
        at = to;
      }
      code.append(text.slice(at, end));
      this.#lines.push(this.#line(line, code));
    });
    this.root.replaceChildren(el("div", { class: "lines-of-source" }, ...this.#lines));
    this.#drawNotes();
  }

  #line(line: number, code: HTMLElement): HTMLElement {
    const title = "Stop on this line; with shift: go to the next time it runs";
    const attributes = { class: "number", "data-item": `line ${line}`, title };
    const number = el("button", attributes, `${line}`);
    number.addEventListener(
      "click",
      ({ shiftKey }) => shiftKey ? this.events.onRunTo(line) : this.events.onStop(line),
    );
    const count = el("button", { class: "count", tabindex: -1 });
    const element = el("div", { class: "source-line" }, count, number, code);
    element.addEventListener("mouseenter", () => this.events.onPoint(line));
    number.addEventListener("focus", () => this.events.onPoint(line));
    code.addEventListener("dblclick", () => this.events.onRunTo(line));
    return element;
  }

  annotate(index: RunIndex, notes: readonly LineNote[]): void {
    this.#index = index;
    this.#notes = notes;
    this.#drawNotes();
  }

  #drawNotes(): void {
    for (const note of this.root.querySelectorAll(".note")) note.remove();
    this.#lines.forEach((line, index) => {
      const place = `${this.#name}:${index + 1}`;
      const events = this.#index?.lines.get(place) ?? [];
      const count = line.firstElementChild as HTMLButtonElement;
      count.textContent = events.length === 0 ? "" : shortCount(events.length);
      count.disabled = events.length === 0;
      const words = `${formatCount(events.length, "event")}: go to the next`;
      count.title = events.length === 0 ? "" : words;
      count.onclick = () => this.events.onNext(events);
      const own = this.#notes.filter((note) => note.place === place);
      line.classList.toggle("failed", own.length > 0);
      line.after(...own.map(({ text }) => el("span", { class: "note" }, text)));
    });
  }

  mark(marks: Parameters<SourceView["mark"]>[0]): void {
    const before = this.#here;
    this.#here = null;
    const named = new Map<HTMLElement, string[]>();
    for (const { line: number, name } of marksIn(this.#name, marks)) {
      const line = this.#lines[number - 1];
      if (line === undefined) continue;
      named.set(line, [...named.get(line) ?? [], name]);
      if (name === "here") this.#here = line;
    }
    for (const line of this.#lines) {
      const failed = line.classList.contains("failed") ? ["failed"] : [];
      const className = ["source-line", ...failed, ...named.get(line) ?? []].join(" ");
      if (line.className !== className) line.className = className;
    }
    if (this.#here !== before) this.#here?.scrollIntoView({ block: "nearest" });
  }
}

/** A number in short form, to fit the margin. */
function shortCount(count: number): string {
  return count < 10_000 ? `${count}` : `${Math.round(count / 1000)}k`;
}
