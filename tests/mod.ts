/** Other workspace members use these exports of `tests`. */
export { readGoldenText } from "./conformance/golden_files.ts";
export { compareFields, type OperationLine, recordedFields } from "./conformance/traces.ts";
export { copyProject } from "./copied_project.ts";
export { runDeno } from "./deno_process.ts";
export { dmalab, programWords, runProgram } from "./dmalab_program.ts";
export { scenariosBelow } from "./examples.ts";
export { giveDeno, ownPlaces, withPackage } from "./package_shell.ts";
export { hasPty, Pty } from "./pty.ts";
export { putInputs } from "./screens/run_screen.ts";
export type { Talk } from "./screens/screens.ts";
export { filesBelow, ROOT } from "./source_text.ts";
export { testTranscripts } from "./transcript_files.ts";
