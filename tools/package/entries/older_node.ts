/**
 * What Node 20 lacks of the language; newer ones and Deno keep their own. The modules alone: core-js's
 * entries bring its own `Set` and `Map` with them, which takes longer to load.
 */
import "core-js/modules/es.map.group-by.js";
import "core-js/modules/es.set.difference.v2.js";
import "core-js/modules/es.set.intersection.v2.js";
import "core-js/modules/es.set.is-disjoint-from.v2.js";
import "core-js/modules/es.set.is-subset-of.v2.js";
import "core-js/modules/es.set.is-superset-of.v2.js";
import "core-js/modules/es.set.symmetric-difference.v2.js";
import "core-js/modules/es.set.union.v2.js";
import "core-js/modules/es.uint8-array.from-base64.js";
import "core-js/modules/es.uint8-array.to-base64.js";
