/**
 * The REPL at a pseudo-terminal: the effects of its keys, and how the REPL works together with the
 * shell that started it.
 */
import { assert, assertMatch } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { CTRL_C, CTRL_D, CTRL_G, CTRL_R, CTRL_Z, hasPty, LEFT, Pty, TAB, UP } from "./pty.ts";
import { programLine, PROMPT } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

/**
 * Limits of an endless loop. The loop must last until it is interrupted, however long that takes on
 * a busy host.
 */
const LIMITS = `--limit steps=${10 ** 14} --limit time-seconds=300`;

/** The line that starts the REPL; with no further permissions it may not even send signals. */
function start(permissions: string): string {
  return `stty cols 80; ${programLine(...permissions.split(" "))} repl ${LIMITS}\n`;
}

async function withRepl(talk: (pty: Pty) => Promise<void>, permissions = "-R"): Promise<void> {
  using folder = new TempFolder();
  // An editor that gets its first line from the keyboard.
  const editor = '#!/bin/bash\necho editing\nread -r line\necho "$line + $(cat "$1")" > "$1"\n';
  Deno.writeTextFileSync(folder.at("edit.sh"), editor, { mode: 0o755 });
  await using pty = new Pty(folder.path);
  await pty.see(/\$ /);
  await pty.press("export EDITOR=./edit.sh\n", /\$ /);
  await pty.press(start(permissions), PROMPT);
  await talk(pty);
}

const ignore = !hasPty();

Deno.test({
  name: "keys that are pressed while the REPL is still loaded wait for it, Ctrl-C too",
  ignore,
  fn: () =>
    withRepl(async (pty) => {
      // The test does not wait between these inputs: the prompt appears before the REPL is ready.
      await pty.press("40 + ");
      await pty.press(CTRL_C);
      await pty.press("20 + 3\n", /40 \+ \^C\n/, /^23$/m, PROMPT);
      await pty.press(CTRL_D, /\$ $/);
    }),
});

Deno.test({
  name: "Ctrl-Z stops the REPL and fg goes on with the line that stood there",
  ignore,
  fn: () =>
    withRepl(async (pty) => {
      await pty.press("3 + ", /3 \+/);
      await pty.press(CTRL_Z, /Stopped[^]*\$ /);
      await pty.press("echo still $((20 + 3))\n", /^still 23$/m);
      await pty.press("fg\n", /dma\[.*3 \+/);
      await pty.press("39\n", /^42$/m, PROMPT);
      // A key that comes alone is handled as a key, not as pasted text.
      await pty.press("prin", /prin/);
      await pty.press(TAB, /t/);
      await pty.press(" 6 * 8\n", /^48$/m, PROMPT);
      // After the REPL is stopped once more, all keys must still work: the history, a search in it,
      // cancelling, the end.
      await pty.press(CTRL_Z, /Stopped[^]*\$ /);
      await pty.press("fg\n", PROMPT);
      await pty.press(UP, /print 6 \* 8/);
      await pty.press(`${LEFT}1\n`, /^108$/m, PROMPT);
      await pty.press(CTRL_R);
      await pty.press("3 +", /3 \+ 39/);
      await pty.press(CTRL_G);
      await pty.press("let gone = [", /let gone/);
      await pty.press(CTRL_C, /\^C/, PROMPT);
      await pty.leave();
    }),
});

Deno.test({
  name: "Ctrl-C gives a line up, ends an input, and never the REPL",
  ignore,
  fn: () =>
    withRepl(async (pty) => {
      await pty.press("let sizes = [", /let sizes = \[/);
      await pty.press(CTRL_C, /\^C/, PROMPT);
      await pty.press("while true {}\n", /while true/);
      // Keys are read only after an input has run for a while. Before that, Ctrl-C could not end
      // the input.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await pty.press(CTRL_C, /error\[E0807\]: interrupted/, PROMPT);
      await pty.press("40 + 2\n", /^42$/m, PROMPT);
      await pty.leave();
    }),
});

Deno.test({
  name: "`:edit` lends the terminal to an editor, and what that has written stands at the prompt",
  ignore,
  fn: () =>
    withRepl(async (pty) => {
      await pty.press("40 + 1\n", /^41$/m, PROMPT);
      await pty.press(":edit\n", /^editing$/m);
      // Ctrl-Z stops the REPL and the editor, and fg continues both.
      await pty.press(CTRL_Z, /Stopped[^]*\$ /);
      await pty.press("fg\n", /repl\s/);
      await pty.press("59\n", /dma\[0\]> 59 \+ 40 \+ 1/);
      await pty.press("\n", /^100$/m, PROMPT);
    }, "-R -W --allow-env=VISUAL,EDITOR --allow-run"),
});

Deno.test({
  name: "`:edit` says which permission or name is missing, and the REPL goes on (long)",
  ignore,
  fn: async () => {
    const ways = [
      ["-R", /^Deno was not permitted to read .*; --allow-env=VISUAL,EDITOR permits it/m],
      ["-R --allow-env=VISUAL", /^No editor is named: set VISUAL or EDITOR/m],
      [
        "-R --allow-env=EDITOR",
        /^Deno was not permitted to start .*; --allow-run=.*edit.sh permits/m,
      ],
      [
        "-R --allow-env=EDITOR --allow-run",
        /^Deno was not permitted to keep .* -W=.dmalab permits it/m,
      ],
    ] as const;
    for (const [permissions, seen] of ways) {
      await withRepl(async (pty) => {
        await pty.press(":edit\n", seen, PROMPT);
        await pty.press("40 + 2\n", /^42$/m);
      }, permissions);
    }
  },
});

Deno.test({
  name: "a lesson at a terminal asks each question, explains a mistake, and prints the answer last",
  ignore,
  fn: async () => {
    await using pty = new Pty(ROOT);
    await pty.see(/\$ /);
    const line = `${programLine("-R")} run docs/course/09-failures.md --seed 3`;
    await pty.press(`stty cols 80; ${line}\n`, /how many mappings must the error path\s+unmap\?/i);
    const asked = await pty.see(/your answer \(a to d, Enter to see it\): /);
    assertMatch(asked, /^ {2}[a-d]\) 8$/m);
    assert(!/answer: 8|explain/.test(asked), asked);
    await pty.press("9\n", /no: [^]*\(dmalab explain dma\.[\d.]+\)/, /your answer/);
    await pty.press("many\n", /that is none of the answers/, /your answer/);
    // The result of the test is printed after the question of the test.
    await pty.press("8\n", /right: 8\n/, /single mappings \.\.\. ok/, /your answer/);
    await pty.press("\n", /answer: 24KiB\n/, /a range \.\.\. ok/, /3 passed/);
    await pty.press("echo left with $?\n", /^left with 0$/m);
    // Ctrl-C at a question ends the run.
    await pty.press(`${line}\n`, /your answer/);
    await pty.press(CTRL_C, /\$ $/);
    await pty.press("echo left with $?\n", /^left with 130$/m);
  },
});
