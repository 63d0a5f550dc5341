/* x86's sections with floating-point registers: they are always the caller's here. */
#ifndef DMALAB_TREE_FPU_H
#define DMALAB_TREE_FPU_H

#define kernel_fpu_begin() ((void)0)
#define kernel_fpu_end() ((void)0)
#define irq_fpu_usable() 1

#endif
