/**
 * The full-screen debugger with a planted error. The error is thrown at the third key: while a
 * frame is drawn, in a timer, or in a promise that is not awaited.
 */
import { loadForDebugging, SourceFile } from "@dmalab/lang";
import { type Recording, recordRun, runsOf } from "@dmalab/recording";
import { memoryFiles } from "@dmalab/lang/syntax";
import { runFullScreen } from "@dmalab/cli/debug";
import { toItsEnd } from "@dmalab/cli";
import { ProcessScreen } from "@dmalab/cli/extend";

const SCRIPT = `test "some events" {
  let page = alloc_pages(1)
  let size = page.size
  let twice = size * 2
  assert twice == 8KiB
}
`;

class Planted extends Error {}

const THROWERS: Readonly<Record<string, () => void>> = {
  frame: () => {
    throw new Planted("planted in a frame");
  },
  timer: () =>
    void setTimeout(() => {
      throw new Planted("planted in a timer");
    }),
  promise: () => void Promise.reject(new Planted("planted in a promise")),
};

/**
 * A recording that counts the requests for the place of a statement, without repeated requests for
 * the same statement, and calls a function at the third one.
 */
function planted(recording: Recording, act: () => void): Recording {
  let moves = 0;
  let last = -1;
  const { statement } = recording;
  recording.statement = (position) => {
    if (position.statement !== last && ++moves === 3) act();
    last = position.statement;
    return statement.call(recording, position);
  };
  return recording;
}

const { program } = loadForDebugging(new SourceFile("planted.dma", SCRIPT), memoryFiles({}));
const choice = runsOf(program!)[0]!;
const act = THROWERS[Deno.args[0]!]!;
const screen = new ProcessScreen();
const runs = {
  names: ["one"],
  first: 0,
  outcomes: new Map(),
  record: () => planted(recordRun(program!, choice), act),
  runOn: () => false,
};
Deno.exit(await toItsEnd(() => runFullScreen("planted.dma", runs, [0], screen), screen));
