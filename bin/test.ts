/** `dmalab/test`: scenarios as tests of `deno test`, with the extensions that compile drivers in C. */
import "./provide.ts";

export {
  judge,
  loadWhole,
  neverReached,
  type RegisterOptions,
  registerScenarios,
  ScenarioError,
} from "@dmalab/cli/testing";
