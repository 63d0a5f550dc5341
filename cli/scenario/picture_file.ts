/** The drawings of a run's `show` statements, as a file: `--picture FILE`. */
import { PictureCollector, svgPictures } from "@dmalab/lang/render";
import { printable } from "@dmalab/lang/diagnostics";
import type { RunOptions } from "@dmalab/lang/run";
import { FileError } from "../files/file_error.ts";
import { doOrSay, sayWritten, writeFile } from "../files/write_file.ts";
import type { Screen } from "../screen.ts";

export class PictureFile {
  readonly #collector = new PictureCollector();

  constructor(readonly path: string) {}

  readonly onShown: NonNullable<RunOptions["onShown"]> = (text, shown) =>
    this.#collector.line(printable(text), shown);

  /**
   * Writes the file.
   * @returns False, after a message, if there is no picture or the file cannot be written.
   */
  end(screen: Pick<Screen, "err">): boolean {
    const { pictures } = this.#collector;
    return doOrSay(() => {
      if (pictures.length === 0) throw new FileError(...NOTHING_SHOWN);
      writeFile(this.path, svgPictures(pictures));
      sayWritten(this.path, screen);
    }, screen);
  }
}

const NOTHING_SHOWN = [
  "There is nothing to draw: no `show` has run",
  null,
  "`show io.requests[0]` draws a request, `show ssd.queue(1)` a queue",
] as const;
