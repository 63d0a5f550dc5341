/** Texts as gzip files. */

export function gzipText(text: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}

/** The text of one gzip member that {@linkcode gzipText} made. */
export function gunzipText(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")))
    .text();
}
