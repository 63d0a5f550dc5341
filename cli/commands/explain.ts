import { command, flag, text, texts } from "../command.ts";
import { HELD, WRONG } from "../exit_code.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { wrappedPairs } from "@dmalab/lang/text";
import { refuse, type Screen } from "../screen.ts";

/** Widest text that reads well. */
const MAX_COLUMNS = 100;
const DEFAULT_COLUMNS = 80;

export const EXPLAIN = command({
  name: "explain",
  brief: "Explain a rule, diagnostic, event or function; decode an IOMMU fault line.",
  description:
    "Explains a name: a rule of docs/rules as code and tests cite it, a diagnostic, an event " +
    "with its fields, or a function, statement, type or constant of the language. Decodes a line " +
    "in which a kernel reports an IOMMU fault (VT-d, AMD, Arm SMMUv3); `-` reads a whole log from " +
    "standard input. To find the mapping that the fault hit, pass the line to `fault_log` in a " +
    "scenario, or a trace by --trace. Other words are searched for: the names whose titles and " +
    "texts have all of them are listed, best match first. Without NAME, lists what can be explained.",
  argument: {
    placeholder: "NAME",
    doc:
      "what to explain: dma.3.3, dma.3.assertions.2, E0101, iova.alloc, iommu.mode, a fault line, -, or words",
    completes: "nothing",
    count: "any",
  },
  options: {
    json: flag("print each fault of the log as one JSON object per line"),
    trace: texts(
      "FILE",
      "NAME is a fault line, or -: use this trace to find the mapping that the address " +
        "belonged to and the call that unmapped it; a second FILE is the kernel log, used to align the clocks",
    ),
    in: text(
      "FILE",
      "NAME is an object of this scenario's machine, such as ssd.limits.max_transfer",
    ),
  },
  examples: [
    { line: "explain dma.3.3", doc: "the outcomes of dma_iova_link()" },
    { line: "explain dma.3.assertions", doc: "the numeric assertions of dma.md, section 3" },
    { line: "explain defects.M5", doc: "one row of a table" },
    { line: "explain E0101", doc: "a diagnostic, with an example" },
    { line: "explain iommu.map", doc: "an event and its fields" },
    { line: "explain nvme.mdts", doc: "a machine key: its values and default" },
    {
      line: "explain quirks",
      doc: "all defect switches and the releases that have them",
    },
    { line: "explain dma_iova_link", doc: "a function, with an example" },
    { line: "explain buffer.slice", doc: "a method; `slice` alone lists those of all types" },
    { line: "explain swiotlb full", doc: "search: all entries about a full swiotlb" },
    {
      line: "explain --in examples/block/02-limit-128k.dma ssd.limits.max_transfer",
      doc: "a limit of a scenario's device and where it comes from",
    },
    { line: "explain - < dmesg.txt", doc: "every IOMMU fault of a kernel log" },
  ],
  may: {},
  async run({ words, options, screen }) {
    const question = words.join(" ");
    const { extensionPart } = await import("../extensions.ts");
    const lines = await extensionPart("loadLineExplainer")?.();
    if (lines === undefined) {
      if (question === "-" || options.trace.length > 0) {
        return refuse("This dmalab has no extension that explains lines of logs", screen);
      }
    } else if (options.trace.length > 0) {
      return lines.explainWithTrace(question, options.trace, screen);
    } else if (question === "-") {
      return lines.explainInput(options.json, screen);
    } else if (lines.accepts(question)) {
      return lines.explainLine(question, options.json, screen);
    }
    if (options.in !== null) {
      const { explainOfMachine } = await import("../explain/machine_answer.ts");
      const answer = explainOfMachine(options.in, question);
      if (typeof answer === "string") {
        screen.err(`${answer}\n`);
        return WRONG;
      }
      screen.out(answer.map((line) => `${line}\n`).join(""));
      return HELD;
    }
    const { KINDS, search } = await import("../explain/search.ts");
    const columns = Math.min(screen.columns ?? DEFAULT_COLUMNS, MAX_COLUMNS);
    if (question === "") {
      printPairs("dmalab explain NAME explains", KINDS, columns, screen);
      return HELD;
    }
    const { explain } = await import("../explain/lookup.ts");
    const { renderMarkdown } = await import("../markdown.ts");
    const { readRulePage } = await import("../places.ts");
    const { describeLanguage, languageNames, membersLike } = await import(
      "@dmalab/lang/editor"
    );
    const names = [...languageNames(), ...membersLike(question)];
    const found = explain(question, readRulePage, names);
    const builtin = describeLanguage(question, columns);
    if (!found.found && builtin === null) {
      if (found.isCitation) return refuse(found.message, screen);
      const { found: matches, more } = search(question, readRulePage);
      if (matches.length === 0) return refuse(found.message, screen);
      printPairs(
        `Entries that contain "${question}":`,
        matches,
        columns,
        screen,
      );
      const others = more === 0 ? "" : `${more} more; add a word to narrow the search. `;
      screen.out(`${others}\`dmalab explain NAME\` opens one, such as ${matches[0]![0]}\n`);
      return HELD;
    }
    // A page of rules may have the name of a type, and be long: what was asked for stands first.
    const answer = [...builtin ?? []];
    if (found.found) {
      const rendered = renderMarkdown(found.lines, { columns, colour: screen.colour });
      answer.push(...answer.length === 0 ? [] : [""], ...rendered);
    }
    screen.out(answer.map((line) => `${line}\n`).join(""));
    return HELD;
  },
});

/** A heading, and names with a line of text each. */
function printPairs(
  heading: string,
  pairs: readonly (readonly [string, string])[],
  columns: number,
  screen: Screen,
): void {
  const lines = wrappedPairs(pairs, columns);
  screen.out([heading, ...lines].map((line) => `${printable(line)}\n`).join(""));
}
