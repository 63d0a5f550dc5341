import manifest from "../package.json" with { type: "json" };

export const VERSION: string = manifest.version;

/**
 * The release of Deno that dmalab is tested with; a test checks that `.ci/run` uses the same
 * release.
 */
export const DENO_VERSION = "2.9.6";
