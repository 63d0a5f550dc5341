/* Work on queues of its own: what waits has run when its queue is flushed or destroyed. */
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

struct job {
	struct work_struct work;
	struct delayed_work later;
	int runs;
};

static void count_run(struct work_struct *work)
{
	container_of(work, struct job, work)->runs++;
}

static void count_later(struct work_struct *work)
{
	container_of(work, struct job, later.work)->runs += 10;
}

static struct job *make(void)
{
	struct job *job = kzalloc(sizeof(*job), GFP_KERNEL);

	if (job) {
		INIT_WORK(&job->work, count_run);
		INIT_DELAYED_WORK(&job->later, count_later);
	}
	return job;
}

/* Runs of a job when its queue, or another one, was flushed, drained or destroyed. */
static int runs_after(void (*end)(struct workqueue_struct *), bool is_other)
{
	struct workqueue_struct *queue = alloc_workqueue("one", 0, 0);
	struct workqueue_struct *other = alloc_workqueue("other", 0, 0);
	struct job *job = make();
	int runs = -ENOMEM;

	if (!queue || !other || !job)
		goto out;
	queue_work(queue, &job->work);
	if (queue_work(queue, &job->work))
		goto out;
	queue_delayed_work(queue, &job->later, 0);
	end(is_other ? other : queue);
	if (is_other)
		other = NULL;
	else
		queue = NULL;
	runs = job->runs;
	cancel_work_sync(&job->work);
	cancel_delayed_work_sync(&job->later);
out:
	kfree(job);
	if (queue)
		destroy_workqueue(queue);
	if (other)
		destroy_workqueue(other);
	return runs;
}

static void flushed(struct workqueue_struct *queue)
{
	flush_workqueue(queue);
	destroy_workqueue(queue);
}

static void drained(struct workqueue_struct *queue)
{
	drain_workqueue(queue);
	destroy_workqueue(queue);
}

int queue_flushed(void) { return runs_after(flushed, false); }
int queue_drained(void) { return runs_after(drained, false); }
int queue_destroyed(void) { return runs_after(destroy_workqueue, false); }
int queue_of_others(void) { return runs_after(flushed, true); }

int queue_later(void)
{
	struct job *job = make();
	int runs;

	if (!job)
		return -ENOMEM;
	schedule_delayed_work(&job->later, HZ);
	runs = flush_delayed_work(&job->later) ? job->runs : -EINVAL;
	kfree(job);
	return runs;
}
