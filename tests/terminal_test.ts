/** The REPL at a pseudo-terminal: what its keys do, with the shell that started it around it. */
import { join } from "@std/path";
import { CTRL_C, CTRL_D, CTRL_Z, hasPty, Pty, TAB } from "./pty.ts";
import { ROOT } from "./source_text.ts";

const PROMPT = /dma\[\d+( @ \w+)?\]> /;

/** The least that the REPL is started with, and no right to send signals. */
const START = `stty cols 80; "${Deno.execPath()}" run --no-prompt -R "${
  join(ROOT, "cli/main.ts")
}" repl\n`;

async function withRepl(talk: (pty: Pty) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-terminal-" });
  const pty = new Pty(folder);
  try {
    await pty.see(/\$ /);
    await pty.press(START);
    await pty.see(PROMPT);
    await talk(pty);
  } finally {
    await pty.close();
    Deno.removeSync(folder, { recursive: true });
  }
}

const ignore = !hasPty();

Deno.test({
  name: "Ctrl-Z stops the REPL and fg goes on with the line that stood there",
  ignore,
  fn: () =>
    withRepl(async (pty) => {
      await pty.press("3 + ");
      await pty.see(/3 \+/);
      await pty.press(CTRL_Z);
      await pty.see(/Stopped/);
      await pty.press("echo still $((20 + 3))\n");
      await pty.see(/^still 23$/m);
      await pty.press("fg\n");
      await pty.see(/dma\[.*3 \+/);
      await pty.press("39\n");
      await pty.see(/^42$/m);
      await pty.see(PROMPT);
      // A key by itself is a key, not text that was pasted.
      await pty.press("prin");
      await pty.see(/prin/);
      await pty.press(TAB);
      await pty.see(/t/);
      await pty.press(" 6 * 8\n");
      await pty.see(/^48$/m);
    }),
});

Deno.test({
  name: "Ctrl-C gives a line up, ends an input, and never the REPL",
  ignore,
  fn: () =>
    withRepl(async (pty) => {
      await pty.press("let sizes = [");
      await pty.see(/let sizes = \[/);
      await pty.press(CTRL_C);
      await pty.see(/\^C/);
      await pty.see(PROMPT);
      await pty.press("while true {}\n");
      await pty.see(/while true/);
      // Nobody listens before the input has taken a while: until then there is nothing to end.
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await pty.press(CTRL_C);
      await pty.see(/error\[E0807\]: interrupted/);
      await pty.see(PROMPT);
      await pty.press("40 + 2\n");
      await pty.see(/^42$/m);
      await pty.see(PROMPT);
      await pty.press(CTRL_D);
      await pty.see(/\$ /);
      await pty.press("echo left with $?\n");
      await pty.see(/^left with 0$/m);
    }),
});
