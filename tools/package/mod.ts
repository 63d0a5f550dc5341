/** What other members use of `tools/package`. */
export { buildPackage } from "./build_package.ts";
export { LICENCES, packagesBelow, writeLicences } from "./licences.ts";
