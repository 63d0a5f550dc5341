/**
 * The runner that every `*.dma` resolves to: `deno run -R=. scenario.dma [--trace]`.
 *
 * The import map sends the main module to this package, and the package's `exports` send every `*.dma` to this module.
 * `Deno.mainModule` names the scenario.
 */
import "./provide.ts";
import { runScenarioMain } from "@dmalab/cli/run_program";

await runScenarioMain();
