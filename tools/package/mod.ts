/** Other workspace members use these exports of `tools/package`. */
export { buildPackage } from "./build_package.ts";
export { LICENCES, packagesBelow, writeLicences } from "./licences.ts";
