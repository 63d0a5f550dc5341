/** The variable in which the launcher of the npm package says what its command line added, one permission on each line. */
export const GIVEN_PERMISSIONS = "DMALAB_PERMISSIONS";
