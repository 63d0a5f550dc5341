/** The kinds of resolved files: mixes without meaning, values that do not fit, code never reached. */
import type { Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { LoadedFile } from "../../syntax/load_files.ts";
import type { Resolution } from "../names/bindings.ts";
import { FunctionResults } from "./function_results.ts";
import { KindInference } from "./kind_inference.ts";
import { Misfits } from "./misfits.ts";
import { StatementChecker } from "./statement_check.ts";

/** Checks files whose names are resolved; what a name means that nothing is called is not known. */
export function checkKinds(
  files: Iterable<LoadedFile>,
  resolution: Resolution,
  registry: Registry,
  bag: DiagnosticBag,
): KindInference {
  const results = new FunctionResults();
  const misfits: Misfits = new Misfits(resolution, results, (use) => inference.madeBy(use));
  const inference: KindInference = new KindInference(resolution, registry, bag, misfits, results);
  const checker = new StatementChecker(inference, resolution, registry, bag, misfits);
  for (const { file } of files) checker.file(file);
  misfits.settle(bag);
  return inference;
}
