/** What other members use of `lang/run/property`. */
export { FAST_CHECK } from "./fast_check_engine.ts";
