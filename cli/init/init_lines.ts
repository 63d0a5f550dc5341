/** What `dmalab init` prints: what it wrote, and what to do next. */
import { VERSION } from "../package_version.ts";
import { shellWord } from "../scenario/report_printer.ts";
import type { Written } from "./init_folder.ts";

export function initLines(
  folder: string,
  { added, inside, kept, toCopy, written }: Written,
): string[] {
  const list = (verb: string, paths: readonly string[]) =>
    paths.length === 0 ? [] : [`${verb} ${paths.join(", ")}.`];
  return [
    ...list("Wrote", written),
    ...list("Added to", added),
    ...list("Kept", kept),
    ...toCopy.length === 0 ? [] : [
      "",
      "CI reads jobs in the repository's root only. From there, for GitHub or for GitLab:",
      ...toCopy.map(({ path, read }) => copyLine(`${inside}/${path}`, read)),
    ],
    "",
    "Install dmalab and test the scenarios:",
    ...folder === "." ? [] : [`  cd ${shellWord(folder)}`],
    `  npm install    (or a packed file: npm install -D ./dmalab-${VERSION}.tgz)`,
    "  npx dmalab test",
  ];
}

function copyLine(from: string, to: string): string {
  const folder = to.includes("/") ? `mkdir -p ${to.slice(0, to.lastIndexOf("/"))} && ` : "";
  return `  ${folder}cp ${shellWord(from)} ${to}`;
}
