/**
 * `launch.sh` of the package: starts Deno with the permissions of `cli/permissions.ts`, without Node.
 *
 * Node takes a third of the start of a short scenario. The shell judges command lines that name nothing outside the
 * current folder and no file to write, which are most. The others go to `launch.js` on Node, whose result is the same.
 */
import {
  type CommandPermissions,
  denoOptions,
  GIVEN_PERMISSIONS,
  linkerBeside,
  type Permissions,
  permissionsOf,
  SYSTEM_CLANGS,
} from "@dmalab/cli/extend";

/**
 * `bin.js`, for Node and for a shell, whichever the first line names: JavaScript sees a text and a comment in the second line, a
 * shell ends there.
 */
export const BIN_TEXT = `#!/usr/bin/env node
":" //; own=$(readlink -f -- "$0") && own=\${own%/*} && [ -f "$own/launch.sh" ] && . "$own/launch.sh"; exec node "$0" "$@"
import "./launch.js";
`;

/**
 * Whether permissions of a command depend on files and folders even for lines without paths: it writes what its words name, reads
 * the folders above, or uses the folder of temporary files.
 */
function needsFiles({ findsRoot, named, spools }: CommandPermissions): boolean {
  return findsRoot === true || named === "always" || spools === true;
}

/** Options whose value is a path to write or a port. */
function optionsWithPaths(permissions: Permissions): readonly string[] {
  const all = Object.values(permissions).flatMap(({ files = [], folders = [], named, port }) => [
    ...files,
    ...folders,
    ...[named, port].filter((option) => option?.startsWith("--")),
  ]);
  return [...new Set(all as string[])];
}

/**
 * The flags of a command line without paths, as words of a shell: what `permissionsOf` returns for made-up paths, with
 * a variable of the shell for each.
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
 * The text of `launch.sh`, which a POSIX shell runs inside `bin.js` with the folder of the package as `$own`. It returns where
 * it does not start Deno.
 *
 * @param version What `--version` prints.
 */
export function shellLauncher(permissions: Permissions, version: string): string {
  const names = Object.keys(permissions).filter((name) => !needsFiles(permissions[name]!));
  const having = (has: (may: CommandPermissions) => unknown) =>
    names.filter((name) => has(permissions[name]!)).join(" | ");
  return `# Starts Deno with the permissions of the command, as launch.js does on Node. Written from the records of the
# commands when the package was built. It leaves to launch.js each line for which it would have to look at files.
case $#:\${1-} in
  1:--version | 1:-V) printf 'dmalab %s\\n' ${version} && exit ;;
esac
case \${1-} in
  ${names.join(" | ")}) ;;
  *) return 0 ;;
esac
[ -z "\${DMALAB_TREE-}\${NODE_CHANNEL_FD-}" ] || return 0
case $(export -p) in *' LD_'* | *' DYLD_'*) return 0 ;; esac
for word; do
  case $word in
    /* | *..* | *=/*) return 0 ;;
    ${
    optionsWithPaths(permissions).map((option) => `${option} | ${option}=*`).join(" | ")
  }) return 0 ;;
  esac
done

# The packages lie below dmalab, or beside it.
modules=$own/node_modules
[ -d "$modules/deno" ] || modules=\${own%/*}
[ -f "$modules/deno/package.json" ] && [ ! -e "$modules/deno/node_modules" ] || return 0
deno=
for each in "$modules"/@deno/*/deno; do
  [ -z "$deno" ] && [ -f "$each" ] && [ -x "$each" ] || return 0
  deno=$each
done
if [ -L "$deno" ] || [ -L "\${deno%/*}" ] || [ -L "$modules/@deno" ]; then
  deno=$(readlink -f -- "$deno") || return 0
fi

# Whether a folder exists and is named by its only path: no symlink, no "..", no "//".
only() { [ "$(cd -P -- "$1" 2> /dev/null && pwd)" = "\${1:-none}" ]; }
case $1 in
  ${having(({ caches, compiles }) => caches || compiles)})
    cache=\${XDG_CACHE_HOME-\${HOME:+$HOME/.cache}}
    only "$cache" && [ ! -L "$cache/dmalab" ] || return 0
    cache=$cache/dmalab ;;
esac
case $1 in
  ${having(({ compiles }) => compiles)})
    clangs=
    for pair in ${SYSTEM_CLANGS.map((clang) => `${clang}:${linkerBeside(clang)}`).join(" ")}; do
      [ -e "\${pair%:*}" ] || continue
      for each in "\${pair%:*}" "\${pair#*:}"; do
        [ -e "$each" ] || continue
        real=$(readlink -f -- "$each")
        clangs=$clangs,$each,$real
        case $real in *,*) return 0 ;; esac
      done
    done ;;
esac
case $1 in
  ${having(({ here }) => here)}) here=$(pwd -P) ;;
esac
case $1 in
  ${having(({ edits }) => edits)})
    editor=\${VISUAL:-\${EDITOR-}}
    case $editor in *[!A-Za-z0-9_./+-]*) return 0 ;; esac ;;
esac
# Deno takes a comma for the end of a path.
case $own$deno\${cache-}\${here-} in *,*) return 0 ;; esac

case $1 in
${
    names.map((name) => `  ${name}) set -- ${flagsOf(name, permissions)} "$own/main.js" "$@" ;;`)
      .join("\n")
  }
esac
export DENO_NO_UPDATE_CHECK=1 ${GIVEN_PERMISSIONS}=
exec "$deno" run ${denoOptions("").join(" ")} "$@"
`;
}
