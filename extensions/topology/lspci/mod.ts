/** What other members use of `extensions/topology/lspci`. */
export { doubtsAbout, importMachine, peersOf } from "./imported_machine.ts";
export { type LinkedListing, linkListing } from "./linked_listing.ts";
export { readListing } from "./read_listing.ts";
