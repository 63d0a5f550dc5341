/** What `dmalab explain quirks` and `dmalab explain NAME_OF_A_SWITCH` print. */
import {
  isQuirkName,
  KERNEL_NAMES,
  KERNELS,
  QUIRK_NAMES,
  type QuirkName,
  QUIRKS,
} from "@dmalab/runtime/kernels";

/** Every switch with the releases that have it on. */
export function quirkTable(): string[] {
  return [
    "## quirks",
    "",
    "Defects of real releases, and of related code and hardware, as switches. In a machine " +
    "`quirks = [NAME, not NAME]` adds and removes; `none` as the first item begins without the " +
    "profile's own. `dmalab explain NAME` says more about one.",
    "",
    "| switch | on in | what is wrong |",
    "| --- | --- | --- |",
    ...QUIRK_NAMES.map((name) => `| \`${name}\` | ${releases(name) || "–"} | ${QUIRKS[name]} |`),
  ];
}

/**
 * One switch: what it does, where it is on, and every line of the page on defects that names it.
 *
 * @param readDefects Reads `docs/rules/defects.md`.
 * @returns Null for a name that is no switch.
 */
export function quirkLines(name: string, readDefects: () => string): string[] | null {
  if (!isQuirkName(name)) return null;
  const head = [
    `## ${name}`,
    "",
    QUIRKS[name],
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
  return KERNEL_NAMES.filter((kernel) => KERNELS[kernel].quirks.has(name)).join(", ");
}

/** The rows that name a switch, each below the head of its table. */
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
