/** Runs with drivers in C, recorded. */
import "@dmalab/bin/provide";
import { assert } from "@std/assert";
import { join } from "node:path";
import { HostLoader, withCompiled } from "@dmalab/cli";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { loadForDebugging } from "@dmalab/lang";
import { displayName, type Program } from "@dmalab/lang/run";
import { type Recording, recordRun, runsOf } from "@dmalab/recording";
import { ROOT } from "@dmalab/tests";

export async function programOf(path: string): Promise<Program> {
  const files = HostLoader.open(join(ROOT, path));
  assert(typeof files !== "string");
  const { entry, loader } = files;
  const loaded = await withCompiled(loader, () => loadForDebugging(entry, loader));
  assert(loaded.program !== null, renderDiagnostics(loaded.diagnostics));
  return loaded.program;
}

export async function recordedRun(path: string, name: string): Promise<Recording> {
  const program = await programOf(path);
  return recordRun(program, runsOf(program).find((run) => displayName(run.name) === name)!);
}
