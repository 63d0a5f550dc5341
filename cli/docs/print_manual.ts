/** `dmalab docs`: lists the manual, or prints one page or example of it. */
import { spawnSync } from "node:child_process";
import { nearestNames } from "../../lang/diagnostics/suggest.ts";
import { type ExitCode, HELD } from "../exit_code.ts";
import { host } from "../host.ts";
import { renderMarkdown } from "../markdown.ts";
import { DOCS, EXAMPLES, OWN_PACKAGE } from "../places.ts";
import { refuse, type Screen } from "../screen.ts";
import { type ManualEntry, manualExamples, manualPages } from "./manual.ts";

/** Widest text that reads well. */
const MOST_COLUMNS = 100;
const DEFAULT_COLUMNS = 80;

/**
 * @param name A page or an example; null for the list.
 * @param asPath Print where the files are, and not what they contain.
 */
export function printManual(name: string | null, asPath: boolean, screen: Screen): ExitCode {
  const [pages, examples] = [manualPages(), manualExamples()];
  if (name === null) {
    const text = asPath ? `${DOCS}\n${EXAMPLES}\n` : listText(pages, examples);
    show(text, screen);
    return HELD;
  }
  const wanted = name.replace(/\.(md|dma)$/, "").replace(/^(docs|examples)\//, "");
  const entry = [...pages, ...examples].find((each) => each.name === wanted);
  if (entry === undefined) {
    const names = [...pages, ...examples].map((each) => each.name);
    const [nearest] = nearestNames(wanted, names, 1);
    const hint = nearest === undefined
      ? wanted.startsWith("builtins/") && OWN_PACKAGE === null
        ? "in a checkout `deno task reference` writes the pages of builtins"
        : "`dmalab docs` lists what there is"
      : `did you mean "${nearest}"?`;
    return refuse(`The manual has no page or example "${name}"; ${hint}`, screen);
  }
  show(asPath ? `${entry.path}\n` : textOf(entry, screen), screen);
  return HELD;
}

function listText(pages: readonly ManualEntry[], examples: readonly ManualEntry[]): string {
  const width = Math.max(...[...pages, ...examples].map(({ name }) => name.length));
  const list = (title: string, entries: readonly ManualEntry[]) => [
    `${title}:`,
    ...entries.map((entry) => `  ${entry.name.padEnd(width)}  ${entry.title}`),
  ];
  return [...list("Pages", pages), "", ...list("Examples", examples), ""].join("\n");
}

function textOf({ path }: ManualEntry, { colour, columns }: Screen): string {
  const text = host.readTextFileSync(path);
  if (!path.endsWith(".md")) return text;
  const width = Math.min(columns ?? DEFAULT_COLUMNS, MOST_COLUMNS);
  return `${renderMarkdown(text.split("\n"), { columns: width, colour }).join("\n")}\n`;
}

/** Prints a text, at a terminal through `less` where there is one that may be run. */
function show(text: string, screen: Screen): void {
  if (screen.columns === null || !page(text)) screen.out(text);
}

function page(text: string): boolean {
  const mayRun = host.permissions.querySync({ name: "run", command: "less" });
  if (mayRun.state !== "granted") return false;
  const { error } = spawnSync("less", ["-FRX"], {
    input: text,
    stdio: ["pipe", "inherit", "inherit"],
  });
  return error === undefined;
}
