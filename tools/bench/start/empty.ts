// An empty program, for the cost of `deno run` itself.
