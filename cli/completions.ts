/** Shell completions: a script for each shell, which calls the program, and the program's answers. */
import { type Command, command, type OptionSpec } from "./command.ts";
import { isRepeatable, meant } from "./read_words.ts";

/**
 * The lines of each shell's script. The shell calls the program with the words before the cursor,
 * the last of which is incomplete. The program prints each candidate on a line, followed by a tab
 * and a description. A line that begins with a colon makes the shell offer files (`:files`, with a
 * file name ending) or folders (`:folders`).
 */
const SCRIPTS: Readonly<Record<string, (program: string) => string>> = {
  bash: (program) =>
    `_${program}() {
  local current=\${COMP_WORDS[COMP_CWORD]} line file
  COMPREPLY=()
  while IFS= read -r line; do
    case $line in
      :files*)
        compopt -o filenames 2>/dev/null
        while IFS= read -r file; do
          if [[ -d $file || $file == *"\${line#:files}" ]]; then COMPREPLY+=("$file"); fi
        done < <(compgen -f -- "$current") ;;
      :folders)
        compopt -o filenames 2>/dev/null
        while IFS= read -r file; do COMPREPLY+=("$file"); done < <(compgen -d -- "$current") ;;
      ?*)
        COMPREPLY+=("\${line%%$'\\t'*}")
        if [[ $line == *=$'\\t'* ]]; then compopt -o nospace 2>/dev/null; fi ;;
    esac
  done < <(${program} completions bash "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _${program} ${program}
`,
  zsh: (program) =>
    `#compdef ${program}
_${program}() {
  local -a found
  local line
  for line in "\${(@f)$(${program} completions zsh "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) _files ;;
      :files*) _files -g "*\${line#:files}(-.)" ;;
      :folders) _files -/ ;;
      ?*) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  if (( $#found )); then _describe ${program} found; fi
}
if (( $+functions[compdef] )); then compdef _${program} ${program}; fi
`,
  fish: (program) =>
    `function __${program}_complete
  set -l words (commandline -opc)
  for line in (${program} completions fish $words[2..-1] (commandline -ct) 2>/dev/null)
    switch $line
      case ':files*'
        __fish_complete_suffix (string sub -s 7 -- $line)
      case ':folders'
        __fish_complete_directories (commandline -ct)
      case '*'
        echo $line
    end
  end
end
complete -c ${program} -f -a '(__${program}_complete)'
`,
};

const SHELLS = Object.keys(SCRIPTS);

/**
 * The command for shell completions. Its `run` does nothing: the code of the command line prints
 * the answer, because only that code knows all commands.
 */
export const COMPLETIONS: Command = command({
  name: "completions",
  brief: "Print a script that completes commands and options in a shell.",
  description:
    "Prints the script for a shell. With more words, prints what may complete the last " +
    "of them: the script asks so.",
  argument: {
    placeholder: "SHELL",
    doc: SHELLS.join(", "),
    completes: () => SHELLS,
    count: "some",
  },
  options: {},
  examples: [
    { line: "completions bash", doc: "for ~/.bashrc: eval what it prints" },
    { line: "completions zsh", doc: "for ~/.zshrc: eval what it prints" },
    { line: "completions fish", doc: "for config.fish: pipe it to source" },
  ],
  may: {},
  run: () => Promise.resolve(0),
});

export async function completionText(
  { commands, program }: { readonly program: string; readonly commands: readonly Command[] },
  [shell = "", ...words]: readonly string[],
): Promise<
  | { readonly found: true; readonly text: string }
  | { readonly found: false; readonly problem: string }
> {
  const script = SHELLS.includes(shell) ? SCRIPTS[shell]! : null;
  if (script === null) {
    const hint = meant(shell, SHELLS) || `; there are ${SHELLS.join(", ")}`;
    return { found: false, problem: `There are no completions for a shell "${shell}"${hint}` };
  }
  if (words.length === 0) return { found: true, text: script(program) };
  // Bash splits --option=value into three words.
  const given = words.filter((word, index) => word !== "=" || index === words.length - 1);
  const current = given.at(-1)! === "=" ? "" : given.at(-1)!;
  const all = await candidates(commands, given.slice(0, -1), current);
  const lines = all.filter((line) => line.startsWith(":") || line.startsWith(current));
  return { found: true, text: lines.map((line) => `${line}\n`).join("") };
}

/** The values of an option that takes one of some words. */
function valuesOf(spec: OptionSpec): readonly string[] {
  if (spec.kind === "form") return spec.forms;
  return spec.kind === "text" ? spec.choices ?? [] : [];
}

/** The beginnings of all values of an option that takes KEY=NUMBER. */
function keyLines(keys: Readonly<Record<string, string>>, prefix = ""): string[] {
  return Object.entries(keys).map(([key, doc]) => `${prefix}${key}=\t${doc}`);
}

/**
 * All candidates for the next word of a command line. The caller drops the candidates that do not begin
 * with the typed text.
 */
async function candidates(
  commands: readonly Command[],
  [name, ...before]: readonly string[],
  current: string,
): Promise<readonly string[]> {
  const pair = (word: string, doc: string) => `${word}\t${doc}`;
  if (name === undefined) {
    return current.startsWith("-")
      ? [pair("--help", "show the help"), pair("--version", "show the version")]
      : commands.map((each) => pair(each.name, each.brief));
  }
  const command = commands.find((each) => each.name === name);
  if (command === undefined) return [];
  if (command.actions !== undefined && before.length > 0) {
    return candidates(command.actions, before, current);
  }
  const { argument, options } = command;
  const specOf = (word: string) =>
    Object.entries(options).find(([option, spec]) =>
      word === `--${option}` || spec.kind === "text" && word === spec.also
    )?.[1];
  const [attached] = current.match(/^--[^=]+(?==)/) ?? [];
  if (attached !== undefined) {
    const spec = specOf(attached);
    if (spec?.kind === "numbers") return keyLines(spec.keys, `${attached}=`);
    const values = spec === undefined ? [] : valuesOf(spec);
    return values.map((value) => `${attached}=${value}`);
  }
  const spec = specOf(before.at(-1) ?? "");
  if (spec?.kind === "numbers") return keyLines(spec.keys);
  if (spec !== undefined && spec.kind !== "flag" && spec.kind !== "form") return valuesOf(spec);
  // Bash splits KEY=NUMBER, too: this is the number's place.
  const keyed = specOf(before.at(-2) ?? "");
  if (keyed?.kind === "numbers" && Object.hasOwn(keyed.keys, before.at(-1)!)) return [];
  const forms = spec?.kind === "form" ? spec.forms : [];
  if (current.startsWith("-") || argument === null) {
    const left = Object.entries(options).filter(([option, each]) =>
      isRepeatable(each) || !before.some((word) => word.replace(/=.*$/s, "") === `--${option}`)
    );
    return [
      ...left.map(([option, { doc }]) => pair(`--${option}`, doc)),
      pair("--help", "show the help"),
    ];
  }
  if (command.actions !== undefined) {
    return command.actions.map((each) => pair(each.name, each.brief));
  }
  const { completes } = argument;
  const words = typeof completes === "function" ? await completes() : {
    scenarios: [":files.dma"],
    files: [":files"],
    folders: [":folders"],
    nothing: [],
  }[completes];
  return [...forms, ...words];
}
