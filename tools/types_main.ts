/** Checks the types of the checkout with TypeScript's native compiler: a step of `check --quick`. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { PROJECT } from "./project.ts";
import { checkTypes } from "./types/checkout_project.ts";

const { HOME, XDG_CACHE_HOME } = Deno.env.toObject();
const cache = XDG_CACHE_HOME ?? join(HOME ?? ".", ".cache");
// Each checkout has a separate project folder, named by a hash of the checkout's path, because
// stored results of another checkout would not fit.
const own = createHash("sha256").update(PROJECT).digest("hex").slice(0, 16);
const errors = await checkTypes(join(cache, "dmalab-types", own));
console.log(errors.trimEnd());
Deno.exit(errors === "" ? 0 : 1);
