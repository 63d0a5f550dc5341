#ifndef DMALAB_LINUX_MODULE_H
#define DMALAB_LINUX_MODULE_H

#include <linux/kernel.h>
#include <linux/version.h>

#define MODULE_LICENSE(text) struct device
#define MODULE_AUTHOR(text) struct device
#define MODULE_DESCRIPTION(text) struct device
#define MODULE_VERSION(text) struct device
#define MODULE_ALIAS(text) struct device
#define MODULE_DEVICE_TABLE(bus, ids) \
	static __attribute__((unused)) const void *const dmalab_##bus##_##ids = (ids)
#define MODULE_PARM_DESC(name, text) struct device
/* A parameter has the value that the text gives it. */
#define KBUILD_MODNAME "module"
#define module_param(name, type, mode) struct device
#define module_param_named(name, value, type, mode) struct device
#define EXPORT_SYMBOL(name) struct device
#define EXPORT_SYMBOL_GPL(name) struct device
#define THIS_MODULE NULL

/* The module as scenarios see it: load() and unload(), and what its bus calls. */
#ifndef DMALAB_BUS_FUNCTIONS
#define DMALAB_BUS_FUNCTIONS
#endif
#define module_init(start)         \
	int load(void)             \
	{                          \
		return start();    \
	}                          \
	DMALAB_BUS_FUNCTIONS       \
	DMALAB_C int load(void)
#define module_exit(end)           \
	void unload(void)          \
	{                          \
		end();             \
	}                          \
	DMALAB_C void unload(void)

#endif
