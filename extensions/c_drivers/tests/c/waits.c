/* A driver that waits, and that puts off what it does: wait queues, work, timers, threads of interrupts. */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <linux/version.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#define RAISE 0x18

struct waiter {
	struct pci_dev *pdev;
	void __iomem *regs;
	wait_queue_head_t queue;
	struct work_struct work;
	struct timer_list timer;
	spinlock_t lock;
	int handled, threads, works, ticks;
	bool done, forgets, sleeps;
	u32 period;
};

static struct waiter *waiter;

static irqreturn_t waiter_irq(int irq, void *data)
{
	(void)irq;
	((struct waiter *)data)->handled++;
	return IRQ_WAKE_THREAD;
}

static irqreturn_t waiter_thread(int irq, void *data)
{
	struct waiter *w = data;

	(void)irq;
	msleep(1);
	w->threads++;
	w->done = true;
	if (!w->forgets)
		wake_up(&w->queue);
	return IRQ_HANDLED;
}

static void waiter_work(struct work_struct *work)
{
	struct waiter *w = container_of(work, struct waiter, work);

	usleep_range(10, 20);
	w->works++;
	w->done = true;
	wake_up_all(&w->queue);
}

static void waiter_tick(struct timer_list *timer)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	struct waiter *w = timer_container_of(w, timer, timer);
#else
	struct waiter *w = from_timer(w, timer, timer);
#endif

	w->ticks++;
	if (w->sleeps)
		msleep(1);
	if (w->period)
		mod_timer(timer, jiffies + w->period);
	w->done = true;
	wake_up(&w->queue);
}

static void waiter_stop(void)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	timer_delete_sync(&waiter->timer);
#else
	del_timer_sync(&waiter->timer);
#endif
}

int open(struct pci_dev *pdev)
{
	int error = -ENOMEM;

	waiter = kzalloc(sizeof(*waiter), GFP_KERNEL);
	if (!waiter)
		return error;
	waiter->pdev = pdev;
	waiter->regs = pci_iomap(pdev, 0, 0);
	init_waitqueue_head(&waiter->queue);
	spin_lock_init(&waiter->lock);
	INIT_WORK(&waiter->work, waiter_work);
	timer_setup(&waiter->timer, waiter_tick, 0);
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_ALL_TYPES);
	if (error < 0)
		goto free;
	error = pci_request_irq(pdev, 0, waiter_irq, waiter_thread, waiter, "waiter%d", 0);
	if (error)
		goto free_vectors;
	return 0;

free_vectors:
	pci_free_irq_vectors(pdev);
free:
	kfree(waiter);
	return error;
}

void close(void)
{
	cancel_work_sync(&waiter->work);
	waiter_stop();
	pci_free_irq(waiter->pdev, 0, waiter);
	pci_free_irq_vectors(waiter->pdev);
	pci_iounmap(waiter->pdev, waiter->regs);
	kfree(waiter);
}

/* An interrupt, whose thread ends the wait; what has run by then, two digits each. */
int by_thread(int forgets)
{
	int before;

	waiter->done = false;
	waiter->forgets = forgets;
	writel(1, waiter->regs + RAISE);
	before = waiter->handled * 10 + waiter->threads;
	wait_event(waiter->queue, waiter->done);
	return before * 100 + waiter->handled * 10 + waiter->threads;
}

/* Who frees the handler waits for its thread. */
int thread_ends(void)
{
	writel(1, waiter->regs + RAISE);
	synchronize_irq((unsigned int)pci_irq_vector(waiter->pdev, 0));
	return waiter->handled * 10 + waiter->threads;
}

/* One that is raised twice while it is disabled is handled once when it is enabled. */
int disabled(void)
{
	unsigned int irq = (unsigned int)pci_irq_vector(waiter->pdev, 0);
	int inside;

	disable_irq(irq);
	disable_irq_nosync(irq);
	writel(1, waiter->regs + RAISE);
	writel(1, waiter->regs + RAISE);
	inside = waiter->handled;
	enable_irq(irq);
	inside = inside * 10 + waiter->handled;
	enable_irq(irq);
	return inside * 10 + waiter->handled;
}

void enabled_too_often(void)
{
	enable_irq((unsigned int)pci_irq_vector(waiter->pdev, 0));
}

/* What is left of the time, in ms: the timer comes after so many. */
long by_timer(u32 after, u32 most)
{
	waiter->done = false;
	mod_timer(&waiter->timer, jiffies + after);
	return wait_event_timeout(waiter->queue, waiter->done, msecs_to_jiffies(most));
}

/* How often it came in so many ms, where it is armed again each time. */
int ticks(u32 period, u32 ms)
{
	waiter->period = period;
	if (mod_timer(&waiter->timer, jiffies + 100) || !mod_timer(&waiter->timer, jiffies + period))
		return -EINVAL;
	msleep(ms);
	waiter_stop();
	waiter->period = 0;
	msleep(ms);
	return waiter->ticks;
}

void tick_sleeps(void)
{
	waiter->sleeps = true;
	mod_timer(&waiter->timer, jiffies + 1);
	msleep(2);
}

/* Queued twice it runs once; what was taken away does not run. */
int works(void)
{
	int queued = queue_work(system_wq, &waiter->work), twice = schedule_work(&waiter->work);
	int at_once = waiter->works, flushed, taken;

	msleep(1);
	queued = queued * 1000 + twice * 100 + at_once * 10 + waiter->works;
	schedule_work(&waiter->work);
	taken = cancel_work_sync(&waiter->work) * 10 + cancel_work_sync(&waiter->work);
	msleep(1);
	schedule_work(&waiter->work);
	flushed = flush_work(&waiter->work);
	return queued * 10000 + taken * 100 + flushed * 10 + waiter->works;
}

int queue_it(void)
{
	return schedule_work(&waiter->work);
}

int works_done(void)
{
	return waiter->works;
}

/* Nothing that was put off comes in under a lock. */
int work_under_lock(void)
{
	unsigned long flags;
	int inside;

	schedule_work(&waiter->work);
	mod_timer(&waiter->timer, jiffies + 1);
	spin_lock_irqsave(&waiter->lock, flags);
	udelay(5000);
	inside = waiter->works + waiter->ticks;
	spin_unlock_irqrestore(&waiter->lock, flags);
	msleep(2);
	return inside * 100 + waiter->works * 10 + waiter->ticks;
}

void wait_under_lock(void)
{
	spin_lock(&waiter->lock);
	wait_event(waiter->queue, true);
	spin_unlock(&waiter->lock);
}

int waits(void)
{
	return wait_event_interruptible(waiter->queue, waiter->done);
}

void wakes(void)
{
	waiter->done = true;
	wake_up(&waiter->queue);
}

/* Deferred work lies in memory that is freed. */
void work_in_freed(void)
{
	schedule_work(&waiter->work);
	pci_free_irq(waiter->pdev, 0, waiter);
	kfree(waiter);
}

void timer_in_freed(void)
{
	mod_timer(&waiter->timer, jiffies + 1);
	pci_free_irq(waiter->pdev, 0, waiter);
	kfree(waiter);
}

static DEFINE_MUTEX(gate);

static void gate_work(struct work_struct *work)
{
	(void)work;
	mutex_lock(&gate);
	mutex_unlock(&gate);
}

static DECLARE_WORK(gate_later, gate_work);

/* What is put off wants what who waits for it holds. */
void work_wants_the_gate(void)
{
	schedule_work(&gate_later);
	mutex_lock(&gate);
	msleep(1);
	mutex_unlock(&gate);
}

static struct delayed_work delayed;
static int delayed_runs;

static void delayed_work(struct work_struct *work)
{
	if (to_delayed_work(work) == &delayed)
		delayed_runs++;
}

/* Work that waits for a time: queued once, taken away, queued at once, queued later than it was. */
int work_later(void)
{
	int result;

	INIT_DELAYED_WORK(&delayed, delayed_work);
	result = schedule_delayed_work(&delayed, 3);
	result = result * 10 + schedule_delayed_work(&delayed, 1);
	msleep(2);
	result = result * 10 + delayed_runs;
	msleep(2);
	result = result * 10 + delayed_runs;
	schedule_delayed_work(&delayed, 3);
	result = result * 10 + cancel_delayed_work_sync(&delayed);
	msleep(5);
	result = result * 10 + cancel_delayed_work(&delayed);
	schedule_delayed_work(&delayed, 0);
	msleep(1);
	result = result * 10 + delayed_runs;
	schedule_delayed_work(&delayed, 1);
	result = result * 10 + mod_delayed_work(system_wq, &delayed, 4);
	msleep(2);
	result = result * 10 + delayed_runs;
	flush_delayed_work(&delayed);
	return result * 10 + delayed_runs;
}

/* What waits for its turn already waits for no time. */
int work_waits(void)
{
	int result;

	INIT_DELAYED_WORK(&delayed, delayed_work);
	delayed_runs = 0;
	result = schedule_delayed_work(&delayed, 0);
	result = result * 10 + schedule_delayed_work(&delayed, 3);
	result = result * 10 + delayed_work_pending(&delayed);
	msleep(5);
	result = result * 10 + delayed_runs;
	return result * 10 + delayed_work_pending(&delayed);
}

void work_without_function(void)
{
	struct work_struct work = { 0 };

	schedule_work(&work);
}

/* Waits for a bit until a time is over, and does nothing else: the milliseconds that have passed. */
int polled(unsigned int ms)
{
	unsigned long begun = jiffies;

	while (!(readl(waiter->regs + 8) & 1) && time_before(jiffies, begun + msecs_to_jiffies(ms)))
		;
	return jiffies - begun;
}

/* A thousand reads at one time take none. */
int read_often(void)
{
	ktime_t begun = ktime_get();

	for (int count = 0; count < 1000; count++)
		readl(waiter->regs + 8);
	return ktime_get() - begun;
}
