/**
 * Forms of Linux 7.3.4 that no row of the table matches, each with the reason. A test checks that
 * these are exactly the unmatched forms in the list of all forms.
 */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  '{text} {text} {text} {text} "{text}"{text}{text} stag: {hex}privunprivinstdatas2s1 ttd_read ttd_write stall':
    "the second line of an SMMUv3 record: runtime/fault_log reads it with the first one",
};
