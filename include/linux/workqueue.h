#ifndef DMALAB_LINUX_WORKQUEUE_H
#define DMALAB_LINUX_WORKQUEUE_H

#include <linux/types.h>
#include <dmalab/calls/workqueue.h>

/* Begins with what it calls: the simulated kernel looks there. */
struct work_struct {
	void (*func)(struct work_struct *work);
	void *dmalab_reserved[2];
};

typedef void (*work_func_t)(struct work_struct *work);

struct workqueue_struct;

#define INIT_WORK(work, function) ((void)((work)->func = (function)))
#define DECLARE_WORK(name, function) struct work_struct name = { (function), { NULL, NULL } }
#define system_wq ((struct workqueue_struct *)NULL)
/* All queues are one. */
#define queue_work(queue, work) ((void)(queue), schedule_work(work))

#endif
