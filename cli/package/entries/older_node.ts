/** What Node 20 lacks of the language; newer ones and Deno keep their own. */
import "core-js/actual/map/group-by.js";
