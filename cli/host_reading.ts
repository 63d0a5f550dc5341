/** The host's files and memory, for commands that start fast because they need nothing of the language. */
export { host } from "./host.ts";
export { hostReason } from "./host_error.ts";
export { findHostFile, INPUT_CHUNK_BYTES } from "./host_file.ts";
export { HostMemoryWatch } from "./host_memory.ts";
