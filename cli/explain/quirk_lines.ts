/** What `dmalab explain quirks` and `dmalab explain NAME_OF_A_SWITCH` print. */
import { QUIRKS, type QuirkSpec } from "../../lang/machine/quirks.ts";

/** Every switch with the releases that have it on. */
export function quirkTable(): string[] {
  return [
    "## quirks",
    "",
    "Defects of real releases, and of what they live with, as switches. In a machine " +
    "`quirks = [NAME, not NAME]` adds and removes; `none` as the first item begins without the " +
    "profile's own. `dmalab explain NAME` says more about one.",
    "",
    "| switch | on in | what is wrong |",
    "| --- | --- | --- |",
    ...QUIRKS.map((quirk) => `| \`${quirk.name}\` | ${releases(quirk)} | ${quirk.doc} |`),
  ];
}

/**
 * One switch: what it does, where it is on, and every line of the page on defects that names it.
 *
 * @param readDefects Reads `docs/behaviour/defects.md`.
 * @returns Null for a name that is no switch.
 */
export function quirkLines(name: string, readDefects: () => string): string[] | null {
  const quirk = QUIRKS.find((each) => each.name === name);
  if (quirk === undefined) return null;
  const head = [
    `## ${name}`,
    "",
    quirk.doc,
    "",
    quirk.profiles.length === 0
      ? "No profile has it on."
      : `The profiles ${releases(quirk)} have it on.`,
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

function releases({ profiles }: QuirkSpec): string {
  return profiles.length === 0 ? "–" : profiles.join(", ");
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
