/** What other members use of `extensions/c_drivers`. */
export { PAGE_STRUCT_BYTES, TREE_PAGE_MAP } from "./c_addresses.ts";
export { CPlaces } from "./c_locations.ts";
