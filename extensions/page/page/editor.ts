/// <reference lib="dom" />
/** The source editor of the playground: CodeMirror, with the language's own lexer and checker. */
import { autocompletion, completionKeymap } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { bracketMatching } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { searchKeymap } from "@codemirror/search";
import {
  Compartment,
  EditorState,
  type Line,
  type Range,
  RangeSetBuilder,
  StateEffect,
  type StateEffectType,
  StateField,
} from "@codemirror/state";
import {
  Decoration,
  type DecorationSet,
  EditorView,
  highlightActiveLine,
  keymap,
  lineNumbers,
  WidgetType,
} from "@codemirror/view";
import type { PageProblem } from "../engine/protocol.ts";
import type { LanguageHelp } from "./language_help.ts";
import { coloursOf } from "./highlight.ts";

const colours = StateField.define<DecorationSet>({
  create: ({ doc }) => coloured(doc.toString()),
  update: (old, { docChanged, state }) => docChanged ? coloured(state.doc.toString()) : old,
  provide: (field) => EditorView.decorations.from(field),
});

function coloured(text: string): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, name, to } of coloursOf(text)) {
    builder.add(from, to, Decoration.mark({ class: `tok-${name}` }));
  }
  return builder.finish();
}

/**
 * A line and its CSS class: the current statement, a marked line, or the line at which the run
 * stops.
 */
interface LineMark {
  /** From 1. */
  readonly line: number;
  readonly name: "here" | "marked" | "stop";
}

/** The decorations of lines, set by an effect. */
function atLines<T extends { readonly line: number }>(
  set: StateEffectType<readonly T[]>,
  draw: (each: T, line: Line) => Range<Decoration>,
) {
  return StateField.define<DecorationSet>({
    create: () => Decoration.none,
    update(old, { docChanged, effects, state: { doc } }) {
      const effect = effects.find((each) => each.is(set));
      // After an edit, line numbers of the last run no longer match the text.
      if (effect === undefined) return docChanged ? Decoration.none : old;
      const there = effect.value.filter(({ line }) => line >= 1 && line <= doc.lines);
      return Decoration.set(there.map((each) => draw(each, doc.line(each.line))), true);
    },
    provide: (field) => EditorView.decorations.from(field),
  });
}

const setMarks = StateEffect.define<readonly LineMark[]>();
const marks = atLines(
  setMarks,
  ({ name }, { from }) => Decoration.line({ class: name }).range(from),
);

interface NotedLine {
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

class NoteWidget extends WidgetType {
  constructor(readonly text: string) {
    super();
  }

  override eq({ text }: NoteWidget): boolean {
    return text === this.text;
  }

  toDOM(): HTMLElement {
    const note = document.createElement("span");
    note.className = "note";
    note.textContent = this.text;
    return note;
  }
}

const setNotes = StateEffect.define<readonly NotedLine[]>();
const notes = atLines(
  setNotes,
  ({ text }, { to }) =>
    Decoration.widget({ widget: new NoteWidget(text), block: true, side: 1 }).range(to),
);

interface EditorEvents {
  /** Called when the user has changed the text. */
  readonly onEdit: () => void;
  readonly onLine: (line: number) => void;
  /** Called when the user wants to go to the next execution of a line. */
  readonly onRunTo: (line: number) => void;
  /** Called when the pointer enters a line; null when it leaves the text. */
  readonly onPoint: (line: number | null) => void;
}

export class SourceEditor {
  readonly #view: EditorView;
  readonly #readOnly = new Compartment();
  #isSetting = false;
  #hasProblems = false;

  constructor(
    parent: HTMLElement,
    private readonly help: LanguageHelp,
    { onEdit, onLine, onPoint, onRunTo }: EditorEvents,
  ) {
    const extensions = [
      lineNumbers({
        domEventHandlers: {
          click: (view, { from }) => {
            onLine(view.state.doc.lineAt(from).number);
            return true;
          },
        },
      }),
      lintGutter(),
      history(),
      bracketMatching(),
      highlightActiveLine(),
      autocompletion({ override: [help.complete] }),
      help.hover,
      colours,
      marks,
      notes,
      EditorState.tabSize.of(2),
      EditorView.contentAttributes.of({ "aria-label": "Scenario", tabindex: "0" }),
      // Tab is not bound, so that keyboard users can always leave the editor with this key.
      keymap.of([
        {
          key: "Mod-Enter",
          run: ({ state: { doc, selection } }) => {
            onRunTo(doc.lineAt(selection.main.head).number);
            return true;
          },
        },
        ...completionKeymap,
        ...searchKeymap,
        ...lintKeymap,
        ...historyKeymap,
        ...defaultKeymap,
      ]),
      EditorView.updateListener.of(({ docChanged }) => {
        if (docChanged && !this.#isSetting) onEdit();
      }),
      EditorView.domEventHandlers({
        mousemove: ({ clientX: x, clientY: y }, view) => {
          const offset = view.posAtCoords({ x, y });
          onPoint(offset === null ? null : view.state.doc.lineAt(offset).number);
        },
        mouseleave: () => onPoint(null),
      }),
      this.#readOnly.of([]),
    ];
    this.#view = new EditorView({ state: EditorState.create({ extensions }), parent });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  /** Replaces the text like an edit by the user: an undo restores the old one. */
  set text(insert: string) {
    this.#isSetting = true;
    this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert } });
    this.#isSetting = false;
  }

  set readOnly(isReadOnly: boolean) {
    const extension = isReadOnly ? EditorState.readOnly.of(true) : [];
    this.#view.dispatch({ effects: this.#readOnly.reconfigure(extension) });
  }

  show(problems: readonly PageProblem[]): void {
    if (problems.length === 0 && !this.#hasProblems) return;
    this.#hasProblems = problems.length > 0;
    const { length } = this.#view.state.doc;
    const { text } = this;
    const shown = problems.map(({ code, from, hint, message, severity, to }) => ({
      from: Math.min(from, length),
      to: Math.min(Math.max(to, from), length),
      severity,
      message: `${message} [${code}]${hint === null ? "" : `\nhint: ${hint}`}`,
      actions: this.help.fixes(text, from, to),
    }));
    this.#view.dispatch(setDiagnostics(this.#view.state, shown));
  }

  mark(lines: readonly LineMark[], visible: number | null): void {
    const { doc } = this.#view.state;
    const effects: StateEffect<unknown>[] = [setMarks.of(lines)];
    if (visible !== null && visible >= 1 && visible <= doc.lines) {
      effects.push(
        EditorView.scrollIntoView(doc.line(visible).from, { y: "nearest", yMargin: 40 }),
      );
    }
    this.#view.dispatch({ effects });
  }

  /** Shows notes below lines. */
  annotate(lines: readonly NotedLine[]): void {
    this.#view.dispatch({ effects: setNotes.of(lines) });
  }

  /** Moves the cursor to an offset in the text. */
  focusAt(offset: number): void {
    const anchor = Math.min(offset, this.#view.state.doc.length);
    this.#view.dispatch({ selection: { anchor }, scrollIntoView: true });
    this.#view.focus();
  }

  get hasFocus(): boolean {
    return this.#view.hasFocus;
  }
}
