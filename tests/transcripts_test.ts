/** Command lines, and all that they print. */
import { join } from "node:path";
import { ROOT } from "./source_text.ts";
import { testTranscripts } from "./transcript_files.ts";

testTranscripts(join(ROOT, "tests/transcripts"), 30);
