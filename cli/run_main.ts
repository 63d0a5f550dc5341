console.log("runner for", Deno.mainModule, Deno.args);
