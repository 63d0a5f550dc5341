/// <reference lib="dom" />
/** Language support for the text in the editor: completion, hover, quick fixes. */
import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { Action } from "@codemirror/lint";
import { hoverTooltip } from "@codemirror/view";
import {
  analyse,
  type Analysis,
  completeAt,
  fixesIn,
  hoverAt,
  type SuggestionKind,
} from "@dmalab/lang/editor";
import { SourceFile } from "@dmalab/lang";
import { projectLoader } from "../engine/project_loader.ts";

/** The edited file, with the other files of its project. */
interface EditedFile {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
}

/** Names of the editor's icons for suggestions. */
const SIGNS: Readonly<Record<SuggestionKind, string>> = {
  argument: "variable",
  constant: "constant",
  event: "enum",
  field: "property",
  function: "function",
  key: "property",
  keyword: "keyword",
  method: "method",
  type: "type",
  variable: "variable",
};

export class LanguageHelp {
  #known: Analysis | null = null;

  constructor(private readonly edited: () => EditedFile) {}

  /** Shows help for the text under the pointer. */
  readonly hover = hoverTooltip((view, offset) => {
    const hover = hoverAt(this.#analysis(view.state.doc.toString()), offset);
    if (hover === null) return null;
    const { lines, span: { end, start } } = hover;
    const create = () => {
      const dom = document.createElement("pre");
      dom.className = "hover";
      dom.textContent = lines.join("\n");
      return { dom };
    };
    return { pos: start, end, above: true, create };
  });

  /** The possible completions at an offset. */
  readonly complete = ({ explicit, pos, state }: CompletionContext): CompletionResult | null => {
    // After a blank, no list is shown. The user does not want a list there, and parsing the text
    // for a list would take as long as running the text.
    if (!explicit && !/[\w.]/.test(state.sliceDoc(Math.max(0, pos - 1), pos))) return null;
    const { all, part } = completeAt(this.#analysis(state.doc.toString()), pos);
    if (all.length === 0) return null;
    const options = all.map(({ doc, kind, text }) => ({
      label: text,
      ...doc === "" ? {} : { info: doc },
      ...kind === undefined ? {} : { type: SIGNS[kind] },
    }));
    return { from: pos - part.length, options, validFor: /^\w*$/ };
  };

  /** The quick fixes for a mistake. */
  fixes(text: string, from: number, to: number): readonly Action[] {
    return fixesIn(this.#analysis(text), from, to).map((
      { fix: { span, text: insert }, title },
    ) => ({
      name: title,
      apply: (view) => view.dispatch({ changes: { from: span.start, to: span.end, insert } }),
    }));
  }

  #analysis(text: string): Analysis {
    const { files, name } = this.edited();
    const known = this.#known;
    if (known?.source.text === text && known.source.name === name) return known;
    return this.#known = analyse(new SourceFile(name, text), projectLoader(files));
  }
}
