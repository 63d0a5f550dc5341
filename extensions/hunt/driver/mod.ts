/** Other workspace members use these exports of `extensions/hunt/driver`. */
export { caseText } from "./case_text.ts";
export { huntDriver } from "./hunt_driver.ts";
export { machineVariations } from "./variations.ts";
