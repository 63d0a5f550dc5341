/** Saves a run as a file: its events, as `dmalab run --export` writes them, or a drawing. */
import { pictureFile, timelineFile } from "@dmalab/recording/views";
import { svgFile, writeOrSay } from "../files/write_file.ts";
import type { ExportRun } from "../repl/command_target.ts";
import { TraceOutputs } from "./trace_outputs.ts";

const TIMELINE_SUFFIX = ".timeline.svg";
const PICTURE_SUFFIX = ".svg";

export const exportRecording: ExportRun = (path, recording, isOver, position) => {
  const said: string[] = [];
  const screen = { err: (text: string) => void said.push(text) };
  if (path.endsWith(PICTURE_SUFFIX)) {
    const isTimeline = path.endsWith(TIMELINE_SUFFIX);
    const text = isTimeline ? timelineFile(recording) : pictureFile(recording, position);
    if (text === null) return "There is no picture: nothing is mapped at this position";
    return writeOrSay(path, svgFile(text), screen) ? null : said.join("").trim();
  }
  const outputs = new TraceOutputs();
  const wrongName = outputs.toFile(path, screen);
  if (wrongName !== null) return `:export ${wrongName}`;
  outputs.recorded(recording, isOver);
  return outputs.end() ? null : said.join("").trim();
};
