/** What other members use of `tests`. */
export { readGoldenText } from "./conformance/golden_files.ts";
export { recordedFields } from "./conformance/traces/dma_trace.ts";
export { compareFields, type IovaTraceLine } from "./conformance/traces/iova_trace.ts";
export { recordedTable } from "./conformance/traces/pagetable_trace.ts";
export { recordedPool } from "./conformance/traces/swiotlb_trace.ts";
export { runDeno } from "./deno_process.ts";
export { dmalab, programWords, runProgram } from "./dmalab_program.ts";
export { scenariosBelow } from "./examples.ts";
export { hasPty } from "./pty.ts";
export { filesBelow, readSources, ROOT } from "./source_text.ts";
