#ifndef DMALAB_TREE_PROCESSOR_H
#define DMALAB_TREE_PROCESSOR_H

#define TASK_SIZE 0x7ffffffff000UL
#define TASK_UNMAPPED_BASE (TASK_SIZE / 3)
#define STACK_TOP TASK_SIZE
#define STACK_TOP_MAX TASK_SIZE
struct task_struct;
struct pt_regs;
struct thread_struct {
	unsigned long sp;
};
#define INIT_THREAD { }
/* Who waits lets the devices work. */
void lab_cpu_relax(void);
#define cpu_relax() lab_cpu_relax()
#define task_pt_regs(task) ((struct pt_regs *)0)
#define KSTK_EIP(task) 0
#define KSTK_ESP(task) 0
#define ARCH_HAS_PREFETCH
static inline void prefetch(const void *at) { (void)at; }
#define ARCH_HAS_PREFETCHW
static inline void prefetchw(const void *at) { (void)at; }
unsigned long __get_wchan(struct task_struct *task);

#endif
