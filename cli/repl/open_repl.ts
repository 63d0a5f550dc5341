/** The REPL with everything that it needs. Loading this module takes time. */
import { HostLoader, type OpenedFile } from "../host_loader.ts";
import type { Limits } from "@dmalab/lang/values";
import { exportRecording } from "../scenario/export_recording.ts";
import type { Screen } from "../screen.ts";
import { writeOrSay } from "../files/write_file.ts";
import type { MakeTool } from "./line_tool.ts";
import { Repl } from "./repl.ts";

export interface ReplStart {
  readonly seed: number | null;
  readonly limits: Limits;
}

/** Makes the REPL. @param opened A scenario that is loaded first. */
export function replMaker(
  { limits, seed }: ReplStart,
  screen: Screen,
  opened: OpenedFile | null = null,
): MakeTool {
  return (console, options) => {
    return new Repl(console, {
      ...options,
      ...opened === null ? {} : { entry: opened.entry },
      loader: opened?.loader ?? HostLoader.here(),
      save: (path, text) => writeOrSay(path, text, screen),
      exportRun: exportRecording,
      ...seed === null ? {} : { seed },
      limits,
    });
  };
}
