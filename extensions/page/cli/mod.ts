/** What other members use of `extensions/page/cli`. */
export { dataText, EMPTY_DATA } from "./page_data.ts";
