#ifndef DMALAB_LINUX_PRINTK_H
#define DMALAB_LINUX_PRINTK_H

#include <linux/types.h>
#include <dmalab/calls/printk.h>

struct device;

/* The kernel's own formats are read by the simulated kernel: %pad and %pa by pointer among them. */
#define DMALAB_PRINTK(level, dev, ...) dmalab_print_(DMALAB_HERE, level, dev, __VA_ARGS__)

static __attribute__((format(printf, 4, 5), unused, __noinline__, nodebug)) void
dmalab_print_(int at, int level, const struct device *dev, const char *format, ...)
{
	__builtin_va_list arguments;
	__builtin_va_start(arguments, format);
	dmalab_print_line_at(at, level, dev, format, (const void *)arguments);
	__builtin_va_end(arguments);
}

#define KERN_ERR ""
#define KERN_WARNING ""
#define KERN_INFO ""
#define KERN_DEBUG ""
#define printk(...) DMALAB_PRINTK(6, (const struct device *)NULL, __VA_ARGS__)
#define pr_err(...) DMALAB_PRINTK(3, (const struct device *)NULL, __VA_ARGS__)
#define pr_warn(...) DMALAB_PRINTK(4, (const struct device *)NULL, __VA_ARGS__)
#define pr_info(...) DMALAB_PRINTK(6, (const struct device *)NULL, __VA_ARGS__)
#define pr_debug(...) DMALAB_PRINTK(7, (const struct device *)NULL, __VA_ARGS__)

#endif
