/// <reference lib="deno.worker" />
/** A worker that runs jobs of the core and of the extensions. */
import "./provide.ts";
import { receiveJobs } from "@dmalab/cli/run_program";

receiveJobs();
