#ifndef MINI_INTERRUPT_H
#define MINI_INTERRUPT_H
#define IRQF_SHARED 0x80
struct irq_affinity {
	unsigned int pre_vectors, post_vectors;
	void (*calc_sets)(struct irq_affinity *affinity, unsigned int count);
};
typedef int (*irq_handler_t)(int irq, void *cookie);
int request_threaded_irq(unsigned int irq, irq_handler_t handler, irq_handler_t thread,
			 unsigned long flags, const char *name, void *cookie);
const void *free_irq(unsigned int irq, void *cookie);
#endif
