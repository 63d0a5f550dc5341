#ifndef DMALAB_TREE_THREAD_INFO_H
#define DMALAB_TREE_THREAD_INFO_H

#define THREAD_SIZE_ORDER 2
#define THREAD_SIZE (4096UL << THREAD_SIZE_ORDER)
#ifndef __ASSEMBLY__
struct task_struct;
struct thread_info {
	struct task_struct *task;
	unsigned long flags;
	int preempt_count;
	unsigned int cpu;
};
struct thread_info *lab_thread(void);
#define current_thread_info() lab_thread()
#endif
#define INIT_THREAD_INFO(task) { }
#if __has_include(<asm-generic/thread_info_tif.h>)
#include <asm-generic/thread_info_tif.h>
#else
#define TIF_NOTIFY_RESUME 1
#define TIF_SIGPENDING 2
#define TIF_NEED_RESCHED 3
#define TIF_NOTIFY_SIGNAL 5
#define TIF_MEMDIE 6
#define _TIF_NOTIFY_RESUME (1 << TIF_NOTIFY_RESUME)
#define _TIF_SIGPENDING (1 << TIF_SIGPENDING)
#define _TIF_NEED_RESCHED (1 << TIF_NEED_RESCHED)
#define _TIF_NOTIFY_SIGNAL (1 << TIF_NOTIFY_SIGNAL)
#endif

#endif
