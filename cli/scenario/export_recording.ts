/** The events of a run that is kept, as a file: what `dmalab run --export` writes. */
import type { ExportRun } from "../repl/command_target.ts";
import { TraceOutputs } from "./trace_outputs.ts";

export const exportRecording: ExportRun = (path, recording, isOver) => {
  const outputs = new TraceOutputs();
  const said: string[] = [];
  const wrongName = outputs.toFile(path, { err: (text) => void said.push(text) });
  if (wrongName !== null) return `:export ${wrongName}`;
  outputs.recorded(recording, isOver);
  return outputs.end() ? null : said.join("").trim();
};
