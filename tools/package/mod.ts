/** Exports of `tools/package` for other members. */
export { buildPackage } from "./build_package.ts";
export { LICENCES, packagesBelow, writeLicences } from "./licences.ts";
