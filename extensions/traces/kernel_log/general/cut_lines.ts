/** Lines that a pager has cut at the width of the terminal. */

/** `severity=>`, `erro>`: the pager of journalctl shows that a line is wider than the terminal. */
const CUT_BY_PAGER = /^[^<]*[\w=,:]>$/;

/** Whether the pager of journalctl has cut a line. */
export function isCutByPager(text: string): boolean {
  return CUT_BY_PAGER.test(text);
}
