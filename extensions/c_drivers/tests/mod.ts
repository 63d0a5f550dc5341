/** The part of the folder `extensions/c_drivers/tests` that the tests of other members use. */
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
