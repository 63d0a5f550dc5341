/** What Node 20 lacks of the language; newer ones and Deno keep their own. */
import "core-js/actual/map/group-by.js";
import "core-js/actual/set/index.js";
import "core-js/actual/typed-array/from-base64.js";
import "core-js/actual/typed-array/to-base64.js";
