/** The host's files and memory, for commands that need no module of the language and therefore start fast. */
export { host } from "./host.ts";
export { hostReason } from "./host_error.ts";
export { findHostFile, INPUT_CHUNK_BYTES } from "./host_file.ts";
export { HostMemoryWatch } from "./host_memory.ts";
