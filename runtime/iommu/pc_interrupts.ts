/**
 * On a PC, writes to addresses in `[PC_MSI_START, PC_MSI_END)` are interrupts, whatever the tables
 * contain.
 */
export const PC_MSI_START = 0xfee0_0000;
export const PC_MSI_END = 0xfef0_0000;
