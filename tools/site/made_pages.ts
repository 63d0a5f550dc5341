/**
 * Pages of the site that are generated from records: the introductions for each group of readers,
 * the notation, releases, examples.
 */
import { manualExamples } from "./manual.ts";
import { host, isTableRow, readRulePage } from "@dmalab/cli";
import { RULE_PAGES } from "@dmalab/lang/editor";
import { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
import { KERNEL_NAMES, OLDER_WAYS, QUIRKS, RELEASES } from "@dmalab/runtime/kernels";
import { releaseTable } from "../reference/mod.ts";
import { escapeHtml, frameLines } from "./runnable.ts";

/**
 * The introductions in the README for each group of readers ("doors"): a page for each, with its
 * title.
 */
export function doorPages(readme: string): { readonly title: string; readonly text: string }[] {
  const chapter = readme.slice(readme.indexOf("\n## Three doors"), readme.indexOf("\n## Where to"));
  const parts = chapter.split(/^\*\*(.+)\.\*\*$/m).slice(1);
  return parts.flatMap((title, index) =>
    index % 2 === 0 ? [{ title, text: `# ${title}\n${parts[index + 1]}` }] : []
  );
}

/** A page that compares every release with its neighbour: the differences, with their rules. */
export function releasesPage(): string {
  return [
    "# Releases side by side",
    "",
    "`dmalab releases FILE` says at which release a scenario changes its outcome, and by which of these lines.",
    "",
    ...KERNEL_NAMES.map((kernel) => `- **${kernel}**: ${RELEASES[kernel]}`),
    "",
    "## Older ways",
    "",
    "yes: the release works so; newer ones no longer do.",
    "",
    ...releaseTable("older way", OLDER_WAYS),
    "",
    "## Defects",
    "",
    "yes: the release has it. `dmalab explain NAME` says more.",
    "",
    ...releaseTable("defect", QUIRKS),
    "",
  ].join("\n");
}

/** The meaning of the signs in the rules, from the head of each page of rules. */
export function notationPage(): string {
  const parts = RULE_PAGES.flatMap((name) => {
    const page = readRulePage(name);
    const head = page.slice(page.indexOf("\n"), page.indexOf("\n## ")).trim();
    const lines = head.split("\n").map((line) =>
      isTableRow(line) ? line : line.replace(/; (?=`)/g, ";\n")
    );
    return [`## ${name} {#${name}}`, "", ...lines.filter((line) => line !== "---"), ""];
  });
  return ["# Notation of the rules", "", ...parts].join("\n");
}

export function diagnosticsPage(): string {
  const entries = Object.entries(DIAGNOSTIC_CODES).sort(([a], [b]) => a < b ? -1 : 1);
  return [
    "# Diagnostics",
    ...entries.flatMap(([code, { example, explanation, title }]) => [
      "",
      `## ${code}: ${escapeHtml(title)} {#${code.toLowerCase()}}`,
      "",
      escapeHtml(explanation),
      "",
      "```dma fragment",
      example,
      "```",
    ]),
    "",
  ].join("\n");
}

/**
 * A page for each folder of examples. It has a chapter for each file: the file's comment, then its
 * code.
 */
export async function examplePages(): Promise<Map<string, string>> {
  const pages = new Map<string, string>();
  for (const { name, path, title } of manualExamples()) {
    const [folder, file] = name.split("/") as [string, string];
    const text = host.readTextFileSync(path);
    const [head] = text.match(/^(?:#.*\n)*/)!;
    const comment = head.split("\n").slice(1).map((line) => escapeHtml(line.replace(/^# ?/, "")));
    const code = text.slice(head.length).trim();
    const chapter = [
      `## ${file}: ${escapeHtml(title)} {#${file}}`,
      "",
      ...comment,
      "",
      "```dma",
      code,
      "```",
      ...await frameLines(text.trim(), 1),
      "",
    ].join("\n");
    pages.set(folder, (pages.get(folder) ?? `# Examples: ${folder}\n\n`) + chapter);
  }
  return pages;
}
