#ifndef DMALAB_LINUX_INTERRUPT_H
#define DMALAB_LINUX_INTERRUPT_H

#include <linux/types.h>
#include <dmalab/calls/devm_irq.h>
#include <dmalab/calls/interrupt.h>

enum irqreturn {
	IRQ_NONE = 0,
	IRQ_HANDLED = 1,
	IRQ_WAKE_THREAD = 2,
};

typedef enum irqreturn irqreturn_t;
typedef irqreturn_t (*irq_handler_t)(int irq, void *dev_id);

#define IRQ_RETVAL(handled) ((handled) ? IRQ_HANDLED : IRQ_NONE)
#define IRQF_SHARED 0x80
#define IRQF_ONESHOT 0x2000

/* A handler, and what it leaves to a thread; without the one all is left to the other. */
#define request_threaded_irq(irq, handler, thread_fn, flags, name, dev_id)                  \
	__extension__({                                                                     \
		irq_handler_t irq_handler_ = (handler), irq_thread_ = (thread_fn);          \
		dmalab_request_irq(irq, (void *)(unsigned long)irq_handler_,                \
				   (void *)(unsigned long)irq_thread_, flags, name, dev_id); \
	})
#define request_irq(irq, handler, flags, name, dev_id) \
	request_threaded_irq(irq, handler, NULL, flags, name, dev_id)

#define devm_request_threaded_irq(dev, irq, handler, thread_fn, flags, name, dev_id)     \
	__extension__({                                                                  \
		irq_handler_t irq_handler_ = (handler), irq_thread_ = (thread_fn);       \
		dmalab_devm_irq(dev, irq, (void *)(unsigned long)irq_handler_,           \
				(void *)(unsigned long)irq_thread_, flags, name, dev_id); \
	})
#define devm_request_irq(dev, irq, handler, flags, name, dev_id) \
	devm_request_threaded_irq(dev, irq, handler, NULL, flags, name, dev_id)

#define local_irq_save(flags) ((void)((flags) = (unsigned long)dmalab_irq_save()))
#define local_irq_restore(flags)             \
	do {                                 \
		(void)(flags);               \
		dmalab_irq_restore();        \
	} while (0)
#define local_irq_disable() ((void)dmalab_irq_save())
#define local_irq_enable() dmalab_irq_restore()

#endif
