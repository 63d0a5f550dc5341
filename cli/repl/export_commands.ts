/** Writing the events of a run for other programs. */
import { formatCount } from "@dmalab/lang/text";
import type { CommandContext, ReplCommand } from "./command_target.ts";

export const EXPORT_COMMANDS: readonly ReplCommand[] = [
  {
    name: "export",
    takes: "FILE",
    doc: "write the events of this run to FILE.dmatrace.jsonl, or to FILE.json for Perfetto; the " +
      "picture of this position to FILE.svg, the timeline to FILE.timeline.svg",
    needs: "exportRun",
    run: exportEvents,
  },
];

function exportEvents(repl: CommandContext, path: string): true {
  const { position, recording } = repl.cursor;
  const problem = repl.exportRun!(path, recording, repl.timeTravel === null, position);
  if (problem !== null) repl.refuse(problem);
  else repl.say(`${path}: ${formatCount(recording.log.count, "event")}`);
  return true;
}
