/** The output of `dmalab init`: the written files, and the next steps. */
import { DENO_VERSION, VERSION } from "../package_version.ts";
import { ROOT_FOLDER } from "../places.ts";
import { shellWord } from "../shell_words.ts";
import type { Written } from "./init_folder.ts";
import type { PackageSource } from "./package_source.ts";

const PACKED_FILE = `dmalab-${VERSION}.tgz`;

/**
 * @param source The package from which the folder can install dmalab; null if dmalab runs from
 *   sources without a built package.
 */
export function initLines(
  folder: string,
  { added, inside, kept, toCopy, written }: Written,
  source: PackageSource | null,
): string[] {
  const list = (verb: string, paths: readonly string[]) =>
    paths.length === 0 ? [] : [`${verb} ${paths.join(", ")}.`];
  return [
    ...list(folder === "." ? "Wrote" : `Wrote in ${folder}:`, written),
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
    ...installLines(source),
    "  npx dmalab test",
    `Commit package.json and ${PACKED_FILE}: the jobs for CI and the container install it.`,
    "Where a registry has dmalab, `npm install` is enough: package.json names it.",
  ];
}

/**
 * Lines about installing. They install from a packed file of dmalab inside the folder, because that
 * file is copied wherever the folder is copied: to CI, and into a container.
 */
function installLines(source: PackageSource | null): string[] {
  const install = `  npm install -D ./${PACKED_FILE}`;
  if (source === null) {
    const root = shellWord(ROOT_FOLDER);
    return [
      `  (cd ${root} && npx -y deno@${DENO_VERSION} task package)`,
      `  npm pack ${shellWord(`${ROOT_FOLDER}/dist`)}`,
      install,
    ];
  }
  if (source.kind === "folder") return [`  npm pack ${shellWord(source.path)}`, install];
  return source.path === `./${PACKED_FILE}`
    ? [install]
    : [`  cp ${shellWord(source.path)} .`, install];
}

function copyLine(from: string, to: string): string {
  const folder = to.includes("/") ? `mkdir -p ${to.slice(0, to.lastIndexOf("/"))} && ` : "";
  return `  ${folder}cp ${shellWord(from)} ${to}`;
}
