/** Logs and traces as texts, and all that the commands print for them. */
import { testTranscripts } from "@dmalab/tests";
import { fileURLToPath } from "node:url";

testTranscripts(fileURLToPath(new URL("texts", import.meta.url)), 100);
