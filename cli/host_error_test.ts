import { assertEquals } from "@std/assert";
import { hostReason } from "./host_error.ts";

Deno.test("an error of a permission names the variable and the option that permits reading it", () => {
  const message = 'Requires env access to "XDG_RUNTIME_DIR", run again with the --allow-env flag';
  assertEquals(
    hostReason(new Deno.errors.NotCapable(message)),
    "Deno was not permitted to read the variable XDG_RUNTIME_DIR; --allow-env=XDG_RUNTIME_DIR permits it",
  );
  assertEquals(
    hostReason(new Deno.errors.NotCapable('Requires read access to "/x", run again …')),
    "Deno was not permitted to look, so it may be missing; start it with -R=DIR for the file's folder",
  );
  assertEquals(
    hostReason(new Deno.errors.NotCapable('Requires write access to "/x", run again …')),
    "Deno was not permitted to; give it the permission, as -R=DIR or -W=DIR",
  );
});
