import { command, flag, text, texts } from "../command.ts";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import type { Extension } from "../extension.ts";
import { host } from "../host.ts";
import { printable } from "@dmalab/lang/diagnostics";
import { wrappedPairs } from "@dmalab/lang/text";
import { refuse } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import { shellWord } from "../shell_words.ts";

/** Widest text that is easy to read, in columns. */
const MAX_COLUMNS = 100;
const DEFAULT_COLUMNS = 80;
/** Longest path to look for, in characters: no system has longer paths. */
const MAX_PATH = 4096;

/** Names of log files. No entry has such a name, except `fault.log`, which is an expression. */
const LOG_NAME = /^(?!fault\.log$)[^\s:]+\.(?:log|txt)$/;

const NO_PAGE_WITH_TRACE =
  "--html shows a log without --trace; `dmalab trace export TRACE LOG > run.dmatrace.jsonl` and `dmalab report` show both";

export const EXPLAIN = command({
  name: "explain",
  brief: "Explain a rule, diagnostic, event or function; decode an IOMMU fault line.",
  description:
    "Explains a name: a rule of docs/rules as code and tests cite it, a diagnostic, an event " +
    "with its fields, or a function, statement, type or constant of the language. Decodes a line " +
    "in which a kernel reports an IOMMU fault (VT-d, AMD, Arm SMMUv3); a file, or `-` for standard " +
    "input, is read as a whole log, with the result and the exit code of `dmalab trace check`. A file of sysfs (`max_hw_sectors_kb`), a parameter of the kernel " +
    "(`iommu=pt`) and a part of a message find what they mean. To find the mapping that the fault hit, pass the line to `fault_log` in a " +
    "scenario, or a trace by --trace. Other words are searched for: the names whose titles and " +
    "texts have all of them are listed, best match first. Without NAME, lists what can be explained.",
  argument: {
    placeholder: "NAME",
    doc:
      "what to explain: dma.3.3, dma.3.assertions.2, E0101, iova.alloc, iommu.mode, max_hw_sectors_kb, iommu=pt, a fault line, a log, -, or words",
    completes: async () => {
      const [{ allNames }, { loadExtensions }] = await Promise.all([
        import("../explain/lookup.ts"),
        import("../extensions.ts"),
      ]);
      return [...allNames(await loadExtensions()), ":files"];
    },
    count: "any",
  },
  options: {
    json: flag("print each fault of the log as one JSON object per line"),
    trace: texts(
      "FILE",
      "NAME is a fault line, a log, or -: use this trace to find the mapping that the address " +
        "belonged to and the call that unmapped it; a second FILE is the kernel log, used to align the clocks",
    ),
    html: text(
      "FILE",
      "NAME is a log: also write what is printed as an HTML page, for a colleague",
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
    { line: "explain iommu=pt", doc: "a parameter of the kernel's command line" },
    { line: "explain max_hw_sectors_kb", doc: "a file of sysfs" },
    { line: "explain rejecting DMA map", doc: "a part of a message" },
    { line: "explain dmesg.txt", doc: "a kernel log: every line about DMA" },
    { line: "explain dmesg.txt --html log.html", doc: "the same as a page for a colleague" },
    {
      line: "explain dmesg.txt --trace trace.txt",
      doc: "its faults, with the mappings and calls of a trace",
    },
    { line: "explain - < dmesg.txt", doc: "every IOMMU fault of a kernel log" },
  ],
  may: { files: ["--html"] },
  async run({ words, options, screen }) {
    const question = words.join(" ");
    const output = { asJson: options.json, page: options.html };
    const wrong = await wrongFiles(words);
    if (wrong !== null) return refuse(wrong, screen);
    const { extensionPart, loadExtensions } = await import("../extensions.ts");
    const lines = await (await extensionPart("loadLineExplainer"))?.();
    if (lines === undefined) {
      if (question === "-" || options.trace.length > 0) {
        return refuse("This dmalab has no extension that explains lines of logs", screen);
      }
    } else if (options.trace.length > 0) {
      if (options.html !== null) return refuse(NO_PAGE_WITH_TRACE, screen);
      const isPath = question === "-" || isFile(question);
      const asked = isPath ? { path: question } : { text: question };
      return lines.explainWithTrace(asked, options.trace, screen);
    } else if (question === "-") {
      return await lines.explainInput(output, screen);
    } else if (options.in === null && isLogFile(question, lines.accepts(question))) {
      return await lines.explainFile(question, output, screen);
    } else if (lines.accepts(question)) {
      return await lines.explainLine(question, output, screen);
    }
    if (options.html !== null && !isFile(question)) {
      return refuse("--html writes the page of a log: a file, or - for standard input", screen);
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
    if (question.endsWith(".dma") && isFile(question)) {
      const name = shellWord(question);
      return refuse(
        `"${printable(question)}" is a scenario: \`dmalab run ${name}\` runs it, and ` +
          `\`dmalab explain --in ${name} NAME\` explains a name of its machine`,
        screen,
      );
    }
    const columns = Math.min(screen.columns ?? DEFAULT_COLUMNS, MAX_COLUMNS);
    if (question === "") {
      const { KINDS } = await import("../explain/search.ts");
      printPairs("dmalab explain NAME explains", KINDS, columns, screen);
      return HELD;
    }
    const extensions = await loadExtensions();
    const answer = await nameLines(question, extensions, columns, screen.colour);
    if (typeof answer !== "string") {
      screen.out(answer.map((line) => `${line}\n`).join(""));
      return HELD;
    }
    if (isFile(question)) {
      return lines === undefined
        ? refuse(`"${printable(question)}" is a file, which nothing here explains`, screen)
        : await lines.explainFile(question, output, screen);
    }
    const messages = lines?.linesWith(question) ?? null;
    if (messages !== null) {
      screen.out(messages.map((line) => `${line}\n`).join(""));
      return HELD;
    }
    return await searchFor(question, extensions, answer, columns, screen);
  },
});

/**
 * The explanation of a name, such as a user's word, a name of the language or a rule. If the name
 * is unknown, a text with the reason.
 */
async function nameLines(
  question: string,
  extensions: readonly Extension[],
  columns: number,
  colour: boolean,
): Promise<readonly string[] | string> {
  const [
    { explain },
    { renderMarkdown },
    { readRulePage },
    { titleOf },
    { userWordLines, userWordsIn },
  ] = await Promise.all([
    import("../explain/lookup.ts"),
    import("../markdown.ts"),
    import("../places.ts"),
    import("../explain/search.ts"),
    import("../explain/user_words.ts"),
  ]);
  const { describeLanguage, languageNames, membersLike } = await import("@dmalab/lang/editor");
  const found = explain(question, readRulePage, {
    extensions,
    otherNames: [...languageNames(), ...membersLike(question)],
  });
  const markdown = (text: readonly string[]) => renderMarkdown(text, { columns, colour });
  const titleIn = (name: string) =>
    titleOf(name, readRulePage, extensions) ??
      describeLanguage(name, MAX_COLUMNS)?.[0]?.split(": ")[1] ?? null;
  const builtin = describeLanguage(question, columns);
  const parts = [
    ...userWordsIn(question, extensions).map((word) => markdown(userWordLines(word, titleIn))),
    // The type itself is printed first, because the page of rules with the same name can be long.
    ...builtin === null ? [] : [builtin],
    ...found.found ? [markdown(found.lines)] : [],
  ];
  if (parts.length > 0) {
    return parts.flatMap((part, index) => [...index === 0 ? [] : [""], ...part]);
  }
  return found.found ? "" : found.message;
}

/**
 * Lists the names that have the words in their titles or texts.
 * @param otherwise The message if no name has the words.
 */
async function searchFor(
  question: string,
  extensions: readonly Extension[],
  otherwise: string,
  columns: number,
  screen: Screen,
): Promise<ExitCode> {
  const { readRulePage } = await import("../places.ts");
  const { isCitation } = await import("../explain/lookup.ts");
  const { search, searchMost } = await import("../explain/search.ts");
  if (isCitation(question)) return refuse(otherwise, screen);
  const { found, more } = search(question, readRulePage, extensions);
  if (found.length === 0) {
    const most = searchMost(question, readRulePage, extensions);
    if (most.found.length === 0) return refuse(otherwise, screen);
    const heading = `No entry contains all of "${question}". Entries that contain ${
      most.words.join(", ")
    }:`;
    printPairs(heading, most.found, columns, screen);
    screen.out(`\`dmalab explain NAME\` opens one, such as ${most.found[0]![0]}\n`);
    return HELD;
  }
  printPairs(`Entries that contain "${question}":`, found, columns, screen);
  const others = more === 0 ? "" : `${more} more; add a word to narrow the search. `;
  screen.out(`${others}\`dmalab explain NAME\` opens one, such as ${found[0]![0]}\n`);
  return HELD;
}

/**
 * Whether a question is the path of an existing file. An existing file `k.log` takes precedence over
 * the field `log` of `k`.
 * @param isLine Whether the question could also be a line of a log.
 */
function isLogFile(question: string, isLine: boolean): boolean {
  return (isLine || /[./]/.test(question)) && !question.endsWith(".dma") && isFile(question);
}

/** Why words that are names of files cannot be explained; null if they can. */
async function wrongFiles(words: readonly string[]): Promise<string | null> {
  const [only, second] = words;
  if (only !== undefined && second === undefined && LOG_NAME.test(only) && !isFile(only)) {
    const { readHostFile } = await import("../host_file.ts");
    const file = readHostFile(only);
    return file.found ? null : file.problem;
  }
  return second !== undefined && words.every(isFile)
    ? "explain takes one log at a time; --trace names a trace, and a second log for its clock"
    : null;
}

function isFile(path: string): boolean {
  if (path === "" || path.length > MAX_PATH || path.includes("\n")) return false;
  try {
    return host.statSync(path).isFile;
  } catch {
    // The file does not exist, or dmalab may not access it: the question is treated as a name.
    return false;
  }
}

/** Prints a heading, and below the heading a list of names, each with a text. */
function printPairs(
  heading: string,
  pairs: readonly (readonly [string, string])[],
  columns: number,
  screen: Screen,
): void {
  const lines = wrappedPairs(pairs, columns);
  screen.out([heading, ...lines].map((line) => `${printable(line)}\n`).join(""));
}
