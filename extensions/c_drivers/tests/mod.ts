/** The part of the tests of `extensions/c_drivers` that tests of other members use. */
export { requestsProgram, runRequests } from "./c_nvme_requests.ts";
export { loadFiles, loadOpened, programOf } from "./c_together.ts";
export {
  assertHolds,
  findPlanted,
  type FoundBug,
  loadPlanted,
  openFew,
  type PlantedDriver,
} from "./planted_bugs.ts";
