/** Long random requests on the release with most defects; the long suite has the others. */
import { testLongRequests } from "./requests_property.ts";

testLongRequests("7.2.6", 15);
