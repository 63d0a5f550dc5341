/** What other members use of `extensions/c_drivers`. */
export { PAGE_STRUCT_BYTES, TREE_PAGE_MAP } from "./c_addresses.ts";
export { CPlaces } from "./c_places.ts";
export { requestsProgram, runRequests } from "./tests/c_nvme_requests.ts";
export { loadFiles, loadOpened, programOf } from "./tests/c_together.ts";
export {
  assertHolds,
  findPlanted,
  type FoundBug,
  loadPlanted,
  openFew,
  type PlantedDriver,
} from "./tests/planted_bugs.ts";
export {
  type Planted,
  type PlantedFinding,
  PLANTS,
  Run,
  TRANSLATED_PLANTS,
} from "./tests/planted_faults.ts";
