/** What `deno task script look` takes pictures of. */
import type { Talk } from "@dmalab/tests";

/** A page that opens in the browser. */
export interface PageLook {
  readonly name: string;
  /** Words of the commands that make the page. */
  readonly commands: readonly string[];
  /** Path of the page in the folder of the commands; in that of the site if it begins with `site/`. */
  readonly page: string;
  /** An expression that is evaluated in the page before the picture. */
  readonly first?: string;
}

/** A program at a terminal. */
export interface TerminalLook {
  readonly name: string;
  readonly words: string;
  readonly talk?: Talk;
}

const REPORTS = [
  ["pass", "first-look.dma"],
  ["fail", "gaps.dma"],
  ["injected failure", "inject.dma"],
  ["race", "race.dma"],
  ["fork", "fork.dma"],
  ["C driver", "lab/driver.dma"],
  ["bench beside a test", "bench.dma"],
  ["trace", "trace.txt"],
] as const;

const click = (id: string) => `document.getElementById(${JSON.stringify(id)}).click()`;

export const PAGES: readonly PageLook[] = [
  ...REPORTS.map(([name, file]): PageLook => ({
    name,
    commands: [
      ...file.startsWith("lab/") ? ["init lab --driver module"] : [],
      `report ${file} -o page.html`,
    ],
    page: "page.html",
  })),
  {
    name: "fail at the start",
    commands: ["report gaps.dma -o page.html"],
    page: "page.html",
    first: click("first"),
  },
  {
    name: "tables",
    commands: ["report gaps.dma -o page.html"],
    page: "page.html",
    first: click("tab-state"),
  },
  {
    name: "bytes",
    commands: ["report gaps.dma -o page.html"],
    page: "page.html",
    first: click("tab-bytes"),
  },
  {
    name: "differences",
    commands: ["report gaps.dma -o page.html"],
    page: "page.html",
    first: click("tab-diff"),
  },
  {
    name: "plot of a bench",
    commands: ["report bench.dma -o page.html"],
    page: "page.html",
    first: `document.querySelector("#runs .bench button").click()`,
  },
  {
    name: "finding of a hunt",
    commands: ["hunt --kernel 7.2.6 --cases 30 > found.dma", "report found.dma -o page.html"],
    page: "page.html",
  },
  { name: "bench alone", commands: ["report sizes.dma -o page.html"], page: "page.html" },
  {
    name: "suite",
    commands: ["test good.dma gaps.dma inject.dma --report suite"],
    page: "suite/index.html",
  },
  { name: "review", commands: ["review old new --html page.html"], page: "page.html" },
  {
    name: "drivers of a tree",
    commands: ["tree drivers old --out reports"],
    page: "reports/index.html",
  },
  { name: "log", commands: ["explain kernel.log --html page.html"], page: "page.html" },
  { name: "playground", commands: [], page: "site/playground.html" },
  { name: "front page", commands: [], page: "site/index.html" },
  { name: "lesson", commands: [], page: "site/course/01-addresses.html" },
  { name: "rules", commands: [], page: "site/rules/dma.html" },
];

/** Pages that need more than an example: `COMMAND --OPTION`, and the test that looks at the page. */
export const LOOKED_AT_BY: Readonly<Record<string, string>> = {
  "kernel --html": "extensions/real_kernel/tests/result_page_test.ts",
};

const PROMPT = /dma\[\d+( @ \w+)?\]>$/;

export const TERMINALS: readonly TerminalLook[] = [
  { name: "run that fails", words: "run gaps.dma" },
  { name: "log", words: "explain kernel.log" },
  { name: "trace devices", words: "trace devices trace.txt" },
  { name: "topology", words: "topology server.txt" },
  {
    name: "REPL",
    words: "repl",
    talk: [[PROMPT, "let page = alloc_pages(1)\n"], [/alloc_pages\(1\)\n.*>$/, "page.sise\n"], [
      /error\[[^]*>$/,
      "",
    ]],
  },
  { name: "debugger", words: "debug gaps.dma --run 1", talk: [[/ q ctrl-d quit|i into/, ""]] },
];
