/**
 * Parts that need no machine: addresses, errors, lists, similar words, the sizes of a bounce pool.
 *
 * State: none. Other workspace members use these exports:
 */
export * from "./address.ts";
export * from "./binary_search.ts";
export * from "./errno.ts";
export * from "./lists.ts";
export * from "./memory/swiotlb/swiotlb_geometry.ts";
export * from "./nearest_names.ts";
