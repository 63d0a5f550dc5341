/** A list of runs, to choose one of. */
import { maxOf } from "@dmalab/runtime/basics";
import type { Paint } from "@dmalab/lang/text";
import type { EndedBySignal } from "../../exit_code.ts";
import { ScreenPainter } from "../../terminal/screen_painter.ts";
import { fitLine, type StyledLine } from "../../terminal/styled.ts";
import type { KeyPress } from "../../terminal/keys.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { DebugRuns } from "../debugger.ts";
import { firstShown } from "./screen_model.ts";

/** The index of the chosen run; or how the list was closed without a choice. */
export type PickedRun =
  | { readonly kind: "run"; readonly index: number }
  | { readonly kind: "none" }
  | { readonly kind: "signal"; readonly exitCode: EndedBySignal };

export interface RunsToPick {
  readonly runs: Pick<DebugRuns, "names" | "outcomes" | "runOn">;
  /** Their indices. */
  readonly meant: readonly number[];
}

/** Shows the list until a run is chosen. Runs without an outcome are executed meanwhile. */
export async function pickRun(
  terminal: Terminal,
  title: string,
  { meant, runs }: RunsToPick,
  paint: Paint,
): Promise<PickedRun> {
  const painter = new ScreenPainter((text) => terminal.write(text));
  const list = new RunPicker(
    title,
    new Map(meant.map((index) => [index, runs.names[index]!])),
    runs,
  );
  const draw = () => painter.paint(list.rows(terminal.size, paint), null);
  let idle: ReturnType<typeof setTimeout> | undefined;
  const runOn = () => {
    idle = setTimeout(() => {
      const known = runs.outcomes.size;
      const hasMore = runs.runOn(meant);
      if (runs.outcomes.size > known) draw();
      if (hasMore) runOn();
    }, 0);
  };
  draw();
  runOn();
  try {
    for await (const input of terminal.inputs) {
      if (input.kind === "signal") return input;
      if (input.kind === "thrown") throw input.error;
      if (input.kind === "redraw") painter.forget();
      else if (input.key.name === "ctrl-z") {
        await terminal.stop();
        painter.forget();
      } else {
        const picked = list.press(input.key);
        if (picked !== null) return picked;
      }
      draw();
    }
    return { kind: "none" };
  } finally {
    clearTimeout(idle);
  }
}

const GIVING_UP: ReadonlySet<string> = new Set(["escape", "ctrl-c", "ctrl-d"]);

class RunPicker {
  readonly #outcomes: DebugRuns["outcomes"];
  #filter = "";
  #chosen = 0;

  constructor(
    private readonly title: string,
    private readonly names: ReadonlyMap<number, string>,
    { outcomes }: Pick<DebugRuns, "outcomes">,
  ) {
    this.#outcomes = outcomes;
  }

  /** The runs with the typed text as their number or in their names. */
  get #fitting(): readonly (readonly [number, string])[] {
    const wanted = this.#filter.toLowerCase();
    return [...this.names].filter(([index, name]) =>
      this.#isNumbered(index) || name.toLowerCase().includes(wanted)
    );
  }

  #isNumbered(index: number): boolean {
    return String(index + 1) === this.#filter;
  }

  press(key: KeyPress): PickedRun | null {
    if (GIVING_UP.has(key.name)) return { kind: "none" };
    const fitting = this.#fitting;
    if (key.name === "enter") {
      const found = fitting[this.#chosen];
      return found === undefined ? null : { kind: "run", index: found[0] };
    }
    if (key.text !== "") this.#type(this.#filter + key.text.split("\n")[0]!);
    else if (key.name === "backspace") this.#type(this.#filter.slice(0, -1));
    else {
      const steps: Readonly<Record<string, number>> = {
        up: -1,
        down: 1,
        pageup: -10,
        pagedown: 10,
        home: -Infinity,
        end: Infinity,
      };
      const chosen = this.#chosen + (steps[key.name] ?? 0);
      this.#chosen = Math.max(0, Math.min(chosen, fitting.length - 1));
    }
    return null;
  }

  #type(filter: string): void {
    this.#filter = filter;
    this.#chosen = Math.max(0, this.#fitting.findIndex(([index]) => this.#isNumbered(index)));
  }

  rows(size: { readonly columns: number; readonly rows: number }, paint: Paint): string[] {
    const fitting = this.#fitting;
    const room = Math.max(1, size.rows - 3);
    const first = firstShown(fitting.length, this.#chosen, room);
    const width = String(maxOf(this.names.keys(), 0) + 1).length;
    const runs = fitting.slice(first, first + room).map(([index, name], row): StyledLine => {
      const isChosen = first + row === this.#chosen;
      const outcome = this.#outcomes.get(index);
      const state = `${(outcome ?? "").padEnd(6)}  `;
      const number = `${isChosen ? "»" : " "} ${String(index + 1).padStart(width)}  `;
      return [
        isChosen ? ["strong", number] : number,
        outcome === "FAILED" ? ["bad", state] : state,
        isChosen ? ["strong", name] : name,
      ];
    });
    const count = `${fitting.length} of ${this.names.size} runs`;
    const lines: StyledLine[] = [
      [["strong", ` ${this.title}: which run?`], `  ${count}`],
      ...runs,
    ];
    while (lines.length < size.rows - 2) lines.push([]);
    lines.push(this.#filter === "" ? [] : [` ${this.#filter}`], [[
      "dim",
      " ↑ ↓ choose  Enter opens  type a number or part of a name  Esc quits",
    ]]);
    return lines.slice(-size.rows).map((line) => fitLine(line, size.columns, paint));
  }
}
