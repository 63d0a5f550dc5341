/**
 * The explanation of a name, for `dmalab explain NAME`: a rule, a diagnostic, an event, a defect
 * switch, a block or a key of the machine.
 */
import { type CodeEntry, nearestNames } from "@dmalab/lang/diagnostics";
import { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
import {
  EVENT_TABLE,
  eventEntry,
  KERNEL_CALLS,
  LEAK_KINDS,
  type LeakKindEntry,
} from "@dmalab/runtime";
import {
  fieldText,
  FOUND_IN,
  REPORT_CLASSES,
  type ReportClass,
  type ReportClassEntry,
} from "@dmalab/runtime/vocabulary";
import {
  hasBehaviour,
  isQuirkName,
  KERNEL_NAMES,
  QUIRK_NAMES,
  type QuirkName,
  QUIRKS,
} from "@dmalab/runtime/kernels";
import {
  type BlockSpec,
  defaultText,
  keyName,
  keysNamed,
  MACHINE_KEYS,
  MACHINE_SCHEMA,
  type MachineKey,
  shapeText,
} from "@dmalab/lang";
import { pageOf, RULE_PAGES } from "@dmalab/lang/editor";
import type { Extension } from "../extension.ts";
import { RELEASE_NAMES, releaseLines } from "./release_lines.ts";
import { FILE_CODES } from "../files/file_codes.ts";
import { RulePage, type RuleSection } from "./rule_book.ts";

/** Error codes of scripts, of refused files, and of extensions. */
export function codesOf(extensions: readonly Extension[]): Readonly<Record<string, CodeEntry>> {
  const own: Readonly<Record<string, CodeEntry>> = { ...DIAGNOSTIC_CODES, ...FILE_CODES };
  return Object.assign({}, own, ...extensions.map(({ codes }) => codes));
}

export interface ExplainOptions {
  /** Extensions with further error codes. */
  readonly extensions?: readonly Extension[];
  /** Further names that a misspelt name is compared with. */
  readonly otherNames?: Iterable<string>;
}

export type PageReader = (name: string) => string;

/** An explanation as Markdown; or a message that suggests another question. */
export type LookupResult =
  | { readonly found: true; readonly lines: readonly string[] }
  | {
    readonly found: false;
    readonly message: string;
  };

/** Whether a name has the form of a code or of a rule; such a name is not searched for as a word. */
export function isCitation(question: string): boolean {
  const name = normalise(question);
  return /^[EW]\d+$/i.test(name) || pageOf(name) !== undefined;
}

/**
 * Looks a name up. Also accepts other usual forms of a name: `dma.md 3.3`, `nvme 2.6`, `dma.3.3 row
 * 1`, `trace.T.45`, `e0203`.
 */
export function explain(
  question: string,
  readPage: PageReader,
  { extensions = [], otherNames = [] }: ExplainOptions = {},
): LookupResult {
  const codes = codesOf(extensions);
  const name = normalise(question);
  const code = name.toUpperCase();
  const entry = Object.hasOwn(codes, code) ? codes[code] : undefined;
  if (entry !== undefined) return { found: true, lines: codeLines(code, entry) };

  const event = eventLines(name);
  const own = keysNamed(name).filter((key) => keyName(key) === name);
  // A key of the machine and an event can have the same name. The key comes first, because
  // scenarios set keys.
  if (event !== null) return { found: true, lines: [...own.flatMap(keyLines), ...event] };

  const leak = leakLines(name);
  if (leak !== null) return { found: true, lines: leak };

  const reported = classLines(name);
  if (reported !== null) return { found: true, lines: reported };

  const release = releaseLines(name);
  if (release !== null) return { found: true, lines: release };

  if (name === "quirks") return { found: true, lines: quirkTable() };
  const quirk = quirkLines(name, () => readPage("defects"));
  if (quirk !== null) return { found: true, lines: quirk };

  // Some names in the table of defects are not switches. Such a name is the effect of a switch in
  // one release, or the number of an exhibit in the museum of defects.
  const row = /^[a-z]\w*$/i.test(name)
    ? new RulePage("defects", readPage("defects")).row(name)
    : null;
  if (row !== null) return { found: true, lines: withName(row) };

  const block = MACHINE_SCHEMA.blocks.get(name);
  if (block !== undefined) return { found: true, lines: blockLines(block, readPage) };

  const keys = keysNamed(name);
  if (keys.length > 0) return { found: true, lines: keys.flatMap(keyLines) };

  if (/^[EW]\d+$/.test(code)) {
    return {
      found: false,
      message: `There is no code "${question}"; ${nearCodes(code, codes)}`,
    };
  }

  const page = pageOf(name);
  if (page !== undefined) {
    const rules = new RulePage(page, readPage(page));
    const section = rules.find(name.slice(page.length + 1));
    if (section !== null) return { found: true, lines: withName(section) };
    return unknown(
      question,
      name,
      [...rules.names, ...allNames(extensions), ...otherNames],
      `docs/rules/${page}.md has no such rule`,
    );
  }
  return unknown(
    question,
    name,
    [...allNames(extensions), ...otherNames],
    "There is no rule, diagnostic, event or function of that name",
  );
}

/** Every name that completion offers, such as pages, events, codes and keys. */
export function allNames(extensions: readonly Extension[] = []): string[] {
  return [
    ...RULE_PAGES,
    ...Object.keys(codesOf(extensions)),
    ...Object.keys(EVENT_TABLE),
    ...KERNEL_CALLS,
    ...RELEASE_NAMES,
    "quirks",
    ...QUIRK_NAMES,
    ...MACHINE_SCHEMA.blocks.keys(),
    ...MACHINE_KEYS.map(keyName),
  ];
}

/**
 * The known codes with the same first two digits. Without such codes, the first and the last code
 * with the same letter.
 */
function nearCodes(code: string, codes: Readonly<Record<string, CodeEntry>>): string {
  const near = Object.keys(codes).filter((each) => each.startsWith(code.slice(0, 3)));
  if (near.length > 0) {
    return `near it are ${near.map((each) => `${each} (${codes[each]!.title})`).join(", ")}`;
  }
  const ofLetter = Object.keys(codes).filter((each) => each[0] === code[0]).sort();
  return `they go from ${ofLetter[0]} to ${ofLetter.at(-1)}`;
}

function unknown(
  question: string,
  name: string,
  candidates: readonly string[],
  problem: string,
): LookupResult {
  const nearest = nearestOf(name, candidates);
  const owner = ownerOf(name);
  const hint = nearest !== undefined
    ? `did you mean "${nearest}"?`
    : candidates.includes(owner)
    ? `\`dmalab explain ${owner}\` lists what it has`
    : `ask for a rule (dma.3.3), an event (iova.alloc), a key (iommu.mode) or a diagnostic (${
      Object.keys(DIAGNOSTIC_CODES)[0]
    })`;
  return { found: false, message: `${problem}: "${question}"; ${hint}` };
}

/**
 * The known name that was probably meant. If the part before the last dot is a known name, only
 * names with the same part before their last dot are considered. This is not done if the question
 * cites a rule.
 */
function nearestOf(name: string, candidates: readonly string[]): string | undefined {
  const owner = ownerOf(name);
  const member = owner === "" ? name : name.slice(owner.length + 1);
  if (owner === "" || /^\d/.test(member) || !candidates.includes(owner)) {
    return member !== name && candidates.includes(member)
      ? member
      : nearestNames(name, candidates, 1)[0];
  }
  const members = candidates.filter((each) => ownerOf(each) === owner)
    .map((each) => each.slice(owner.length + 1));
  const [nearest] = nearestNames(member, members, 1);
  return nearest === undefined ? undefined : `${owner}.${nearest}`;
}

/** The part before the last dot of a name; empty without a dot. */
function ownerOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf(".")));
}

/** `dma.md 3.3 row 1` → `dma.3.3.1`. */
function normalise(question: string): string {
  return question.trim()
    .replace(/^(?:docs\/)?rules\//, "")
    .replace(/^([\w.-]+?)\.md\b/, "$1")
    .replace(/^trace(?=[\s.]T\b)/i, "traces")
    .replace(/§/g, "")
    .replace(/\bassertions?\s+(?=\d)/gi, "assertions.")
    .replace(/\b(?:row|chapter|ch\.)\s*/gi, "")
    .replace(/[\s.#]+/g, ".")
    .replace(/^\.|\.$/g, "");
}

/** The section with its citable name, such as `dma.3.3`, in the heading. */
function withName({ name, lines }: RuleSection): string[] {
  const [first, ...rest] = lines;
  const heading = first?.match(/^(#+) (?:\d+(?:\.\d+)*\.? )?(.*)$/);
  return heading
    ? [`${heading[1]} ${name}  ${heading[2]}`, ...rest]
    : [`**${name}**`, "", ...lines];
}

function codeLines(code: string, entry: CodeEntry): string[] {
  return [
    `## ${code}: ${entry.title}`,
    "",
    ...entry.explanation.split("\n"),
    "",
    "```",
    ...entry.example.split("\n"),
    "```",
  ];
}

function keyLines(key: MachineKey): string[] {
  const { block, spec } = key;
  return [
    `## ${keyName(key)}`,
    "",
    spec.doc,
    "",
    `- takes: ${shapeText(spec.shape)}`,
    `- default: ${defaultText(spec)}`,
    ...block.keyword === "machine" ? [] : [`- in: ${block.keyword}: ${block.doc}`],
    "",
  ];
}

/**
 * A block's keys, its possible inner blocks (for the machine: all blocks), and the chapters of the page with
 * the block's name.
 */
function blockLines(block: BlockSpec, readPage: PageReader): string[] {
  const { children, doc, keyword, settings } = block;
  const all = [...MACHINE_SCHEMA.blocks.values()].filter((each) => each !== block);
  const inside = keyword === "machine" ? all : children.map((each) => MACHINE_SCHEMA.block(each));
  const rules = pageOf(keyword) === keyword ? new RulePage(keyword, readPage(keyword)) : null;
  const chapters = rules?.subjects().filter(({ name }) => /^\w+\.\d+$/.test(name)) ?? [];
  return [
    `## ${blockForm(block)}`,
    "",
    doc,
    ...keyword === "machine" ? [] : ["", `Stands${placeText(block)}.`],
    "",
    ...settings.map((spec) =>
      `- \`${spec.key}\`: ${spec.doc} (${shapeText(spec.shape)}; default ${defaultText(spec)})`
    ),
    ...inside.map((each) => `- \`${blockForm(each)}\`${placeText(each)}: ${each.doc}`),
    ...chapters.length === 0 ? [] : ["", "Its rules:", ""],
    ...chapters.map(({ name, title }) => `- ${name}: ${title}`),
    "",
  ];
}

function placeText({ keyword }: BlockSpec): string {
  return ` in ${MACHINE_SCHEMA.placesOf(keyword).join(", ")}`;
}

function blockForm({ keyword, named }: BlockSpec): string {
  return `${keyword}${named ? " NAME" : ""} { … }`;
}

function eventLines(name: string): string[] | null {
  const bare = name.replace(/^(?:call|ret)\./, "");
  if ((KERNEL_CALLS as readonly string[]).includes(bare)) {
    return [
      `## call.${bare}, ret.${bare}`,
      "",
      `The kernel API function \`${bare}\` was entered, with its arguments by their kernel names, ` +
      "and left, with `result`, and `error` when it failed. In an event pattern the bare name " +
      `\`${bare}\` means \`call.${bare}\`.`,
    ];
  }
  const entry = eventEntry(name);
  if (entry === null) return null;
  return [
    `## ${name}`,
    "",
    `Happens when ${entry.when}.`,
    "",
    "| field | what it holds |",
    "| --- | --- |",
    ...Object.entries(entry.fields).map(([name, field]) => `| \`${name}\` | ${fieldText(field)} |`),
  ];
}

/** A table of all defect switches, with the releases that have the defect. */
function quirkTable(): string[] {
  return [
    "## quirks",
    "",
    "Defects of real releases, and of related code and hardware, as switches. In a machine " +
    "`quirks = [NAME, not NAME]` adds and removes; `none` as the first item begins without the " +
    "profile's own. `dmalab explain NAME` says more about one.",
    "",
    "| switch | on in | what is wrong |",
    "| --- | --- | --- |",
    ...QUIRK_NAMES.map((name) =>
      `| \`${name}\` | ${releases(name) || "–"} | ${QUIRKS[name].doc} |`
    ),
  ];
}

/**
 * A kind of leak, by its name `driver_memory` or in the form that a failure prints,
 * `leak[mapping]`.
 */
function leakLines(name: string): string[] | null {
  const printed = /^(?:leak|unreleased)\[(\w+)\]$/.exec(name)?.[1];
  // `memory` and `mapping` alone also name other entries. Therefore a name without `_` is not taken
  // for a kind of leak.
  const kind = printed ?? (name.includes("_") ? name : "");
  if (!Object.hasOwn(LEAK_KINDS, kind)) return null;
  const { beyondKernel, doc, found, rule }: LeakKindEntry =
    LEAK_KINDS[kind as keyof typeof LEAK_KINDS];
  return [
    `## leak[${kind}]`,
    "",
    doc,
    "",
    ...rule === null ? [] : [`- rule: ${rule}; \`dmalab explain ${rule}\` prints it`],
    `- ${beyondKernel ? "not checked by any kernel" : "reported by the kernel"}`,
    `- found in: ${FOUND_IN[found]}`,
    "",
    "A leak fails a test (docs/what-fails-a-test.md); `leaks = allow` in `machine` permits it.",
  ];
}

/**
 * A class of the checker's reports: its rule, the place of the check, and the class's line in the
 * kernel log.
 */
function classLines(name: string): string[] | null {
  if (!Object.hasOwn(REPORT_CLASSES, name)) return null;
  const entry: ReportClassEntry = REPORT_CLASSES[name as ReportClass];
  const { beyondKernel, counted, exception, found, log, rule } = entry;
  const always = beyondKernel ? "not checked by any kernel" : "checked by the kernel";
  const checked = exception === undefined ? always : `${always} (${exception})`;
  return [
    `- rule: ${rule}, ${checked}; \`dmalab explain ${rule}\` prints it`,
    `- found in: ${FOUND_IN[found]}`,
    ...log === null ? [] : [`- kernel log: ${log}`],
    ...counted ? ["- counted in `error_count` of the kernel's DMA debugging"] : [],
    "",
    "A test that means it writes `warns` with the name after the call, or:",
    "",
    "```",
    `expect warning ${name} { … }`,
    "```",
  ];
}

/**
 * One switch: its effect, the releases that have the switch, and every line of the page on defects
 * that names the switch.
 *
 * @param readDefects Reads `docs/rules/defects.md`.
 * @returns Null for a name that is no switch.
 */
function quirkLines(name: string, readDefects: () => string): string[] | null {
  if (!isQuirkName(name)) return null;
  const head = [
    `## ${name}`,
    "",
    QUIRKS[name].doc,
    "",
    releases(name) === "" ? "Off in every profile." : `The profiles ${releases(name)} have it on.`,
    "",
  ];
  return [
    ...head,
    "```",
    `machine { quirks = [${name}] }`,
    "```",
    ...tablesAbout(name, readDefects()),
  ];
}

function releases(name: QuirkName): string {
  return KERNEL_NAMES.filter((kernel) => hasBehaviour(kernel, name)).join(", ");
}

/** The table rows that name a switch, each below the header of its table. */
function tablesAbout(name: string, page: string): string[] {
  const lines = page.split("\n");
  const found: string[] = [];
  let head: readonly string[] = [];
  lines.forEach((line, index) => {
    if (!line.startsWith("|")) return;
    if (lines[index + 1]?.startsWith("| ---")) head = [line, lines[index + 1]!];
    else if (line.includes(`\`${name}\``)) found.push("", ...head, line);
  });
  return found;
}
