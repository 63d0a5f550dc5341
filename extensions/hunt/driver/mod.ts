/** Exports of `extensions/hunt/driver` for other members. */
export { caseText } from "./case_text.ts";
export { huntDriver } from "./hunt_driver.ts";
export { machineVariations } from "./variations.ts";
