/**
 * What people see of each command: command lines that are run as installed, at pseudo-terminals of two sizes,
 * without colours, and in a pipe. `tests/screens/NAME.txt` has the screens.
 */
import { join } from "node:path";
import { CTRL_C, CTRL_D, LEFT, TAB } from "../pty.ts";
import { ROOT } from "../source_text.ts";

/** Keys to press when the screen matches. The screen before them is kept, too. */
export type Talk = readonly (readonly [wanted: RegExp, keys: string])[];

export interface ScreenRow {
  /** Name of the file with the expected screens. */
  readonly name: string;
  /** The command, with its action if it has actions. */
  readonly command: string;
  /** The words after the command. */
  readonly words: string;
  readonly talk?: Talk;
  /** Standard input in a pipe (default: empty). Null for a command that ends only by a key. */
  readonly piped?: string | null;
}

const PROMPT = /dma\[\d+( @ \w+)?\]>$/;
const ASKS = /your answer[^\n]*:$/;

/** Each command that prints, asks or draws. Rows of one command differ in what the command does. */
export const SCREENS: readonly ScreenRow[] = [
  { name: "run", command: "run", words: "first-look.dma" },
  { name: "run-fails", command: "run", words: "gaps.dma" },
  { name: "run-injects", command: "run", words: "inject.dma" },
  {
    name: "run-asks",
    command: "run",
    words: "failures.md --seed 3",
    talk: [[ASKS, "9\n"], [/no: [^]*your answer[^\n]*:$/, "8\n"], [
      /right: 8\n[^]*your answer[^\n]*:$/,
      "\n",
    ]],
  },
  { name: "test", command: "test", words: "--jobs 2 good.dma gaps.dma" },
  {
    name: "test-watches",
    command: "test",
    words: "--watch good.dma",
    talk: [[/1 passed[^]*watching/, CTRL_C]],
    piped: null,
  },
  { name: "check", command: "check", words: "wrong.dma" },
  { name: "fmt", command: "fmt", words: "--check good.dma crooked.dma" },
  { name: "bench", command: "bench", words: "bench.dma --plot plot.svg" },
  {
    name: "repl",
    command: "repl",
    words: "",
    talk: [
      [PROMPT, "let page = alloc_pages(1)\n"],
      [/alloc_pages\(1\)\n.*>$/, "page.si"],
      [/page\.si$/, `${TAB}\n`],
      [/4KiB\n.*>$/, "page.sise\n"],
      [/error\[[^]*>$/, CTRL_D],
    ],
    piped: "let page = alloc_pages(1)\npage.size\npage.sise\n",
  },
  {
    name: "debug",
    command: "debug",
    words: "left.dma",
    talk: [
      [/event 18\/18/, LEFT],
      [/event 17\/18/, "q"],
    ],
    piped: ":back\n:state mappings\n",
  },
  { name: "explain", command: "explain", words: "dma.3.3" },
  { name: "explain-log", command: "explain", words: "kernel.log" },
  { name: "releases", command: "releases", words: "gap-bit.dma" },
  { name: "init", command: "init", words: "lab" },
  { name: "init-driver", command: "init", words: "lab --driver module" },
  { name: "dap", command: "dap", words: "", talk: [[/^\n*$/, CTRL_D]] },
  { name: "lsp", command: "lsp", words: "", talk: [[/^\n*$/, CTRL_D]] },
  { name: "hunt", command: "hunt", words: "--kernel 7.2.6 --cases 300" },
  { name: "hunt-driver", command: "hunt", words: "driver.dma --cases 2000" },
  { name: "tree", command: "tree", words: "compile new drivers/toy/toy.c" },
  { name: "review", command: "review", words: "old new --html review.html" },
  { name: "report", command: "report", words: "gaps.dma" },
  { name: "kernel", command: "kernel", words: "run good.dma --kernel good.dma" },
  { name: "topology", command: "topology", words: "server.txt" },
  { name: "trace-check", command: "trace check", words: "trace.txt" },
  { name: "trace-summary", command: "trace summary", words: "trace.txt" },
  { name: "trace-show", command: "trace show", words: "trace.txt --at 0xfffff000" },
  { name: "trace-script", command: "trace script", words: "trace.txt --shrink" },
  { name: "trace-export", command: "trace export", words: "trace.txt" },
  { name: "trace-devices", command: "trace devices", words: "trace.txt" },
  { name: "trace-compare", command: "trace compare", words: "trace.txt short.txt" },
  { name: "vectors", command: "vectors", words: "--count 1 --out vectors.json" },
];

/** The file with the expected screens of a row. */
export function screenFile({ name }: Pick<ScreenRow, "name">): string {
  return join(ROOT, "tests/screens", `${name}.txt`);
}
