#ifndef DMALAB_TREE_IRQFLAGS_H
#define DMALAB_TREE_IRQFLAGS_H

#define ARCH_IRQ_DISABLED 1
#define ARCH_IRQ_ENABLED 0
/* Imports. */
unsigned long arch_local_save_flags(void);
void arch_local_irq_restore(unsigned long flags);
#define arch_local_save_flags arch_local_save_flags
#define arch_local_irq_restore arch_local_irq_restore
#include <asm-generic/irqflags.h>

#endif
