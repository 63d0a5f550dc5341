/** The words of a text that are most like some others; null where fewer than half of them are there. */
export function nearestPart(text: string, wanted: string): string | null {
  const words = [...text.matchAll(/\S+/g)];
  const parts = wanted.trim().split(/\s+/);
  // For each end in the text, the fewest changes to the words wanted so far, and where that began.
  let row = Array.from({ length: words.length + 1 }, (_, at) => ({ changes: 0, from: at }));
  for (const [done, part] of parts.entries()) {
    const next = [{ changes: done + 1, from: 0 }];
    for (const [index, [word]] of words.entries()) {
      const same = { ...row[index]!, changes: row[index]!.changes + (word === part ? 0 : 1) };
      const missing = { ...row[index + 1]!, changes: row[index + 1]!.changes + 1 };
      const more = { ...next[index]!, changes: next[index]!.changes + 1 };
      next.push([same, missing, more].toSorted((a, b) => a.changes - b.changes)[0]!);
    }
    row = next;
  }
  const fewest = Math.min(...row.map(({ changes }) => changes));
  const end = row.findLastIndex(({ changes }) => changes === fewest);
  const { from } = row[end]!;
  if (fewest * 2 > parts.length || end <= from) return null;
  const last = words[end - 1]!;
  return text.slice(words[from]!.index, last.index + last[0].length);
}
