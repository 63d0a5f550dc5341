/** The version in `package.json`; a test keeps the two equal. */
export const VERSION = "0.1.0";

/** The release of Deno that dmalab is tested with; a test holds `.ci/run` to it. */
export const DENO_VERSION = "2.9.6";
