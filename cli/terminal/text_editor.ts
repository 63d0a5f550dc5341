/** Opens a text in the editor that the environment names, as other tools do. */
import process from "node:process";
import { FileError } from "../files/file_error.ts";
import { host } from "../host.ts";
import { hostReason, isHostError } from "../host_error.ts";
import { readHostFile } from "../host_file.ts";
import { permitted, STATE_FOLDER, stateFile } from "../state_folder.ts";
import { removeFile, rewriteFile } from "../files/write_file.ts";

/** Variables with the editor's command: the first one that is set counts. */
const VARIABLES = ["VISUAL", "EDITOR"] as const;

export interface TextEditor {
  readonly command: string;
  readonly args: readonly string[];
}

/** Why a text cannot be edited, as a sentence with a remedy. */
export interface EditProblem {
  readonly problem: string;
}

/** Characters that a shell interprets, as in `emacsclient -a ''`. */
const SHELL_SIGNS = /[|&;<>()$`\\"'*?[\]#~=%{}!]/;

/** The editor that the environment names, if dmalab may start it. */
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

/** Splits an editor command into words; a command with shell syntax is run by `sh`. */
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

/** Runs an editor on the terminal, and waits for its end. */
export async function editText(
  { args, command }: TextEditor,
  text: string,
): Promise<{ readonly text: string } | EditProblem> {
  // Each session has its own file: other sessions may run in the same folder.
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

/** @returns What went wrong; null when the editor exited with 0. */
async function runEditor(command: string, args: readonly string[]): Promise<string | null> {
  const streams = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  // Uses Deno's API: its `node:child_process` would read the whole environment.
  const { code, signal } = await new host.Command(command, { args: [...args], ...streams })
    .spawn().status;
  const how = signal === null ? `with ${code}` : `by ${signal}`;
  return code === 0 ? null : `The editor exited ${how}: the text is unchanged`;
}
