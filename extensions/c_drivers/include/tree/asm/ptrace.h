/* Registers of an interrupted task, of which the lab has none. */
#ifndef DMALAB_TREE_PTRACE_H
#define DMALAB_TREE_PTRACE_H

struct pt_regs {
	unsigned long ip, sp, r[8];
};
#define user_mode(regs) 0
#define instruction_pointer(regs) ((regs)->ip)
#define instruction_pointer_set(regs, value) ((regs)->ip = (value))
#define profile_pc(regs) ((regs)->ip)
#define user_stack_pointer(regs) ((regs)->sp)
#define kernel_stack_pointer(regs) ((regs)->sp)
static inline long regs_return_value(struct pt_regs *regs)
{
	return regs->r[0];
}

#endif
