/** The job that makes the first report of one driver of a tree. */
import { TreeError } from "@dmalab/runtime/kernels";
import { NO_REPORT, reportOfMany } from "@dmalab/c_drivers";
import { MemoryScreen } from "@dmalab/cli";
import { join, type NumberedJob } from "@dmalab/cli/extend";
import type { DriverRow } from "./driver_row.ts";

export interface DriverReportJob extends NumberedJob {
  readonly kind: "tree_driver";
  /** Path of the driver in the tree. */
  readonly path: string;
  /** The tree's folder, with links resolved. */
  readonly root: string;
  readonly release: string;
  /** Folder for the reports. */
  readonly out: string;
}

export interface DriverReportMessage {
  readonly kind: "end";
  readonly row: DriverRow;
}

/** Makes the report of one driver, in a separate folder. */
export async function runDriverReport(
  { out, path, release, root }: DriverReportJob,
  send: (message: DriverReportMessage) => void,
): Promise<void> {
  const at = path.lastIndexOf("/");
  const asked = {
    module: join(root, path.slice(0, at)),
    file: path.slice(at + 1),
    kernel: null,
    folder: join(out, reportFolder(path)),
  };
  try {
    const report = await reportOfMany(asked, new MemoryScreen());
    send({ kind: "end", row: { path, release, ...report, problem: null } });
  } catch (error) {
    if (!(error instanceof TreeError)) throw error;
    send({ kind: "end", row: { path, release, ...NO_REPORT, problem: error.message } });
  }
}

/** The name of the folder for a driver's report: the source's path without `.c`. */
export function reportFolder(path: string): string {
  return path.replace(/\.c$/, "").replaceAll("/", "__");
}
