/** `dmalab/test`: scenarios as tests of `deno test`, with the extensions that compile drivers in C. */
import "./provide.ts";

export * from "@dmalab/cli/testing/register_scenarios";
