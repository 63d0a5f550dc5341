/** The kinds of resolved files: mixes without meaning, values that do not fit, code never reached. */
import type { Registry } from "../../values/registry.ts";
import type { DiagnosticBag } from "../../diagnostics/diagnostic.ts";
import type { LoadedFile } from "../../syntax/load_files.ts";
import type { Resolution } from "../names/bindings.ts";
import { FunctionResults } from "./function_results.ts";
import { TypeInference } from "./type_inference.ts";
import { TypeMismatches } from "./type_mismatches.ts";
import { StatementChecker } from "./statement_check.ts";

/** Checks files whose names are resolved; what a name means that nothing is called is not known. */
export function checkTypes(
  files: Iterable<LoadedFile>,
  resolution: Resolution,
  registry: Registry,
  bag: DiagnosticBag,
): TypeInference {
  const results = new FunctionResults();
  const mismatches: TypeMismatches = new TypeMismatches(
    resolution,
    results,
    (use) => inference.madeBy(use),
  );
  const inference: TypeInference = new TypeInference(
    resolution,
    registry,
    bag,
    mismatches,
    results,
  );
  const checker = new StatementChecker(inference, resolution, registry, bag, mismatches);
  for (const { file } of files) checker.file(file);
  mismatches.settle(bag);
  return inference;
}
