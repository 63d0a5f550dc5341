/**
 * `launch.sh` of the package: starts Deno with the permissions of `cli/permissions.ts`, without Node.
 *
 * Node would take a third of the start of a short scenario. The shell handles command lines that name nothing outside
 * of the current folder and no file to write; most command lines are of this kind. All others go to `launch.js` on
 * Node, which starts Deno in the same way.
 */
import {
  type CommandPermissions,
  denoOptions,
  GIVEN_PERMISSIONS,
  linkerBeside,
  LOADER_VARIABLES,
  NODE_OPTIONS_VARIABLE,
  type Permissions,
  permissionsOf,
  SYSTEM_CLANGS,
  V8_OPTION,
} from "@dmalab/cli/extend";

/**
 * `bin.js`, for Node or for a shell: the first line decides which of them runs the file. In JavaScript the second line is a
 * string and a comment. In a shell the second line ends the script, so that no further line is read. `command -p` runs the
 * system's `readlink`, whatever the PATH contains. `own` is the package's folder, in which this file is `lib/bin.js`. A system without `readlink -f` leaves all lines to Node.
 */
export const BIN_TEXT = `#!/usr/bin/env node
":" //; own=$(command -p readlink -f -- "$0" 2> /dev/null) && own=\${own%/*/*} && [ -r "$own/lib/launch.sh" ] && . "$own/lib/launch.sh"; exec node "$0" "$@"
import "./launch.js";
`;

/**
 * Whether a command's permissions depend on files and folders even if its command line contains no
 * paths. They do if the command writes files named by its words, reads the folders around a named
 * folder, or uses the folder of temporary files.
 */
function needsFiles({ findsRoot, named, spools }: CommandPermissions): boolean {
  return findsRoot === true || named === "always" || spools === true;
}

/** Options with a value that is a port, or a path to which the command writes. */
function optionsWithPaths(permissions: Permissions): readonly string[] {
  const all = Object.values(permissions).flatMap(({ files = [], folders = [], named, port }) => [
    ...files,
    ...folders,
    ...[named, port].filter((option) => option?.startsWith("--")),
  ]);
  return [...new Set(all as string[])];
}

/**
 * Deno's flags for a command line without paths, as words of a shell. They are the result of `permissionsOf` for
 * placeholder paths; a shell variable replaces each placeholder.
 */
function flagsOf(name: string, permissions: Permissions): string {
  const env = { EDITOR: "@editor", XDG_CACHE_HOME: "/@cache" };
  const { flags } = permissionsOf(permissions, [name], "/@own", "/@deno", env, []);
  const variables: Readonly<Record<string, string>> = {
    "/@own": "$own",
    "/@deno": "$deno",
    "/@cache/dmalab": "$cache",
    [Deno.cwd()]: "$here",
  };
  return flags.map((flag) => {
    const [option = "", paths] = flag.split("=");
    if (paths === undefined) return option;
    const values = new Set(paths.split(",").map((path) => variables[path] ?? path));
    const clangs = option === "-R" && permissions[name]!.compiles ? "$clangs" : "";
    return `"${option}=${[...values].join(",")}${clangs}"`
      .replace(",@editor", "${editor:+,$editor}");
  }).join(" ");
}

/**
 * The text of the package's `launch.sh`.
 *
 * @param version The output of `--version`.
 */
export function shellLauncher(permissions: Permissions, version: string): string {
  const names = Object.keys(permissions).filter((name) => !needsFiles(permissions[name]!));
  const having = (has: (may: CommandPermissions) => unknown) =>
    names.filter((name) => has(permissions[name]!)).join(" | ");
  const words: Readonly<Record<string, string>> = {
    CLANGS: SYSTEM_CLANGS.map((clang) => `${clang}:${linkerBeside(clang)}`).join(" "),
    COMMANDS: names.join(" | "),
    COMPILING: having(({ compiles }) => compiles),
    DENO_OPTIONS: [...denoOptions(""), V8_OPTION].join(" "),
    GIVEN_PERMISSIONS,
    LOADER_VARIABLES: LOADER_VARIABLES.map((name) => `*' ${name}'*`).join(" | "),
    NODE_OPTIONS_VARIABLE,
    PATH_OPTIONS: optionsWithPaths(permissions).map((option) => `${option} | ${option}=*`)
      .join(" | "),
    STARTS: names
      .map((name) => `  ${name}) set -- ${flagsOf(name, permissions)} "$own/lib/main.js" "$@" ;;`)
      .join("\n"),
    VERSION: version,
    WITH_CACHE: having(({ caches, compiles }) => caches || compiles),
    WITH_EDITOR: having(({ edits }) => edits),
    WRITING_HERE: having(({ here }) => here),
  };
  return Deno.readTextFileSync(new URL("./launch.sh", import.meta.url))
    .replace(/@([A-Z_]+)@/g, (_, word: string) => words[word]!);
}
