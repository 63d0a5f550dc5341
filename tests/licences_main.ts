/**
 * `deno task licences`: writes the table of licences in docs/dev/dependencies.md anew, from what the
 * downloaded packages say of themselves.
 */
import { readDependencies } from "./dependencies.ts";
import { runDeno } from "./deno_process.ts";
import { licenceRows, LICENCES_PAGE, licencesBelow, withLicences } from "./licences.ts";
import { ROOT } from "./source_text.ts";

const { output } = await runDeno(["info", "--json"], { folder: ROOT });
const { npmCache } = JSON.parse(output) as { npmCache: string };
const rows = licenceRows(readDependencies(), licencesBelow(npmCache));
Deno.writeTextFileSync(LICENCES_PAGE, withLicences(Deno.readTextFileSync(LICENCES_PAGE), rows));
console.log(`${rows.length} packages in docs/dev/dependencies.md`);
