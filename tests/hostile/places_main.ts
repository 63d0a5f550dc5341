/**
 * Runs command lines one after the other, each in a separate folder. The commands read and write
 * paths that a cloned repository chose. `doAll` starts one process of this program for all command
 * lines.
 */
import { MemoryScreen, toItsEnd } from "@dmalab/cli";
import "@dmalab/bin/provide";
import { main } from "@dmalab/cli/program";
import { editText, openHistory, replMaker } from "@dmalab/cli/debug";
import { ProcessScreen } from "@dmalab/cli/extend";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import type { Done, Todo } from "./places.ts";

/** A process's screen that stores its output. */
class KeptScreen extends ProcessScreen {
  readonly kept = new MemoryScreen();
  override out(text: string): void {
    this.kept.out(text);
  }
  override err(text: string): void {
    this.kept.err(text);
  }
  override data(text: string): void {
    this.kept.data(text);
  }
}

/** Parts of a session at a terminal, which are run in place of a command. */
const SESSIONS: Readonly<
  Record<string, (words: readonly string[], screen: KeptScreen) => unknown>
> = {
  ":history": (_, screen) => {
    const history = openHistory((lines) => screen.err(lines));
    history.add("print 1");
    history.add("print 2");
  },
  ":edit": async (_, screen) => {
    const edited = await editText({ command: "true", args: [] }, "print 1");
    if ("problem" in edited) screen.err(edited.problem);
  },
  ":repl": async (words, screen) => {
    const lines = (async function* () {
      yield* words;
    })();
    const console = { lines, write: (text: string) => screen.out(text), prompt: () => {} };
    const limits = DEFAULT_LIMITS;
    const options = { colour: false, columns: 80 };
    await replMaker({ seed: null, limits }, screen)(console, options).run();
  },
};

async function does({ folder, words }: Todo): Promise<Done> {
  Deno.chdir(folder);
  const screen = new KeptScreen();
  const [name = "", ...rest] = words;
  const session = Object.hasOwn(SESSIONS, name) ? SESSIONS[name]! : null;
  const exitCode = await toItsEnd(async () => {
    if (session === null) return await main(words, screen);
    await session(rest, screen);
    return 0;
  }, screen);
  const { errors, output } = screen.kept;
  return { exitCode, errors, output };
}

const todo = JSON.parse(Deno.readTextFileSync(Deno.args[0]!)) as readonly Todo[];
const done: Done[] = [];
for (const each of todo) done.push(await does(each));
console.log(JSON.stringify(done));
