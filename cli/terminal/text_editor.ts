/** Has a text edited in the program that the environment names for that, as other tools do. */
import process from "node:process";
import { FileError } from "../files/file_error.ts";
import { host } from "../host.ts";
import { hostReason, isHostError } from "../host_error.ts";
import { readHostFile } from "../host_file.ts";
import { permitted, STATE_FOLDER, stateFile } from "../state_folder.ts";
import { removeFile, rewriteFile } from "../files/write_file.ts";

/** Where a program for texts is named: the first one that is set. */
const VARIABLES = ["VISUAL", "EDITOR"] as const;

export interface TextEditor {
  readonly command: string;
  readonly args: readonly string[];
}

/** What cannot be done, as a sentence with what to do about it. */
export interface EditProblem {
  readonly problem: string;
}

/** A word that a shell would change, as in `emacsclient -a ''`. */
const SHELL_SIGNS = /[|&;<>()$`\\"'*?[\]#~=%{}!]/;

/** The editor that the environment names, if it may be started here. */
export function findEditor(): TextEditor | EditProblem {
  const names = VARIABLES.filter((variable) => mayDo({ name: "env", variable }));
  if (names.length === 0) {
    const flag = `--allow-env=${VARIABLES.join(",")}`;
    return { problem: `Deno was not permitted to read the editor's name; ${flag} permits it` };
  }
  const named = names.map((name) => host.env.get(name)?.trim() ?? "").find((text) => text !== "");
  if (named === undefined) {
    return { problem: "No editor is named: set VISUAL or EDITOR, as in EDITOR=vi" };
  }
  const editor = readCommand(named, host.build.os === "windows");
  if (!mayDo({ name: "run", command: editor.command })) {
    const problem = `Deno was not permitted to start ${editor.command}`;
    return { problem: `${problem}; --allow-run=${editor.command} permits it` };
  }
  if (!permitted("write") || !permitted("read")) {
    const problem = `Deno was not permitted to keep the text in ${STATE_FOLDER} meanwhile`;
    return { problem: `${problem}; -R=${STATE_FOLDER} -W=${STATE_FOLDER} permits it` };
  }
  return editor;
}

/** The words of a command; a shell reads one that has more than words in it. */
export function readCommand(text: string, isWindows: boolean): TextEditor {
  if (!isWindows && SHELL_SIGNS.test(text)) {
    return { command: "sh", args: ["-c", `${text} "$@"`, text] };
  }
  const [command = "", ...args] = text.split(/\s+/);
  return { command, args };
}

function mayDo(descriptor: Deno.PermissionDescriptor): boolean {
  return host.permissions.querySync(descriptor).state === "granted";
}

/** Waits for an editor to end, which has the terminal meanwhile. */
export async function editText(
  { args, command }: TextEditor,
  text: string,
): Promise<{ readonly text: string } | EditProblem> {
  // One for each session: others may run in the same folder.
  const name = `input-${process.pid}.dma`;
  const path = `${STATE_FOLDER}/${name}`;
  try {
    rewriteFile(stateFile(name), text === "" ? "" : `${text}\n`);
    try {
      const problem = await runEditor(command, [...args, path]);
      if (problem !== null) return { problem };
      const file = readHostFile(path, { followsLinks: false });
      if (!file.found) return { problem: file.problem };
      return { text: file.text.replaceAll("\r\n", "\n").trimEnd() };
    } finally {
      removeFile(stateFile(name));
    }
  } catch (error) {
    if (error instanceof FileError) return { problem: error.message };
    if (!isHostError(error)) throw error;
    return { problem: `Cannot edit a text with ${command}: ${hostReason(error)}` };
  }
}

/** @returns What is wrong; null when it has ended as it should. */
async function runEditor(command: string, args: readonly string[]): Promise<string | null> {
  const streams = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  // By Deno's own: its modules for Node would read all of the environment.
  const { code, signal } = await new host.Command(command, { args: [...args], ...streams })
    .spawn().status;
  const how = signal === null ? `with ${code}` : `by ${signal}`;
  return code === 0 ? null : `The editor exited ${how}: the text is unchanged`;
}
