#ifndef DMALAB_LINUX_DEVICE_H
#define DMALAB_LINUX_DEVICE_H

#include <linux/kernel.h>
#include <linux/gfp.h>
#include <dmalab/calls/devres.h>

/* Drivers use the accessors; the simulated kernel has the rest. */
struct device {
	const char *init_name;
	void *driver_data;
	void *platform_data;
	struct device *parent;
};

DMALAB_INLINE const char *dev_name(const struct device *dev)
{
	return dev->init_name;
}

DMALAB_INLINE void *dev_get_drvdata(const struct device *dev)
{
	return dev->driver_data;
}

DMALAB_INLINE void dev_set_drvdata(struct device *dev, void *data)
{
	dev->driver_data = data;
}

DMALAB_INLINE int dev_to_node(struct device *dev)
{
	(void)dev;
	return -1;
}

/* What is released when the driver leaves its device. */
#define devm_kzalloc(dev, size, gfp) devm_kmalloc(dev, size, (gfp) | __GFP_ZERO)
#define devm_kmalloc_array(dev, n, size, gfp) devm_kmalloc(dev, size_mul(n, size), gfp)
#define devm_kcalloc(dev, n, size, gfp) devm_kzalloc(dev, size_mul(n, size), gfp)
#define devm_add_action_or_reset(dev, action, data)                                  \
	__extension__({                                                              \
		void (*devm_action_)(void *) = (action);                             \
		dmalab_devm_action(dev, (void *)(unsigned long)devm_action_, data);  \
	})

#define get_device(dev) (dev)
#define put_device(dev) ((void)(dev))
#define dev_err(dev, ...) DMALAB_PRINTK(3, dev, __VA_ARGS__)
#define dev_warn(dev, ...) DMALAB_PRINTK(4, dev, __VA_ARGS__)
#define dev_info(dev, ...) DMALAB_PRINTK(6, dev, __VA_ARGS__)
#define dev_dbg(dev, ...) DMALAB_PRINTK(7, dev, __VA_ARGS__)
#define dev_err_ratelimited dev_err
#define dev_warn_ratelimited dev_warn
#define dev_err_once dev_err
#define dev_warn_once dev_warn
#define dev_WARN_ONCE(dev, condition, ...)                   \
	__extension__({                                      \
		static bool dev_warned_;                     \
		bool dev_warn_ = !!(condition);              \
		if (unlikely(dev_warn_ && !dev_warned_)) {   \
			dev_warned_ = true;                  \
			dev_warn(dev, __VA_ARGS__);          \
			dmalab_warn(#condition);             \
		}                                            \
		unlikely(dev_warn_);                         \
	})
#define dev_err_probe(dev, error, ...)                       \
	__extension__({                                      \
		int probe_error_ = (error);                  \
		dev_err(dev, __VA_ARGS__);                   \
		probe_error_;                                \
	})

#endif
