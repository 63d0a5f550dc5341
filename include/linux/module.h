#ifndef DMALAB_LINUX_MODULE_H
#define DMALAB_LINUX_MODULE_H

#include <linux/kernel.h>
#include <linux/version.h>

#define MODULE_LICENSE(text) struct device
#define MODULE_AUTHOR(text) struct device
#define MODULE_DESCRIPTION(text) struct device
#define EXPORT_SYMBOL(name) struct device
#define EXPORT_SYMBOL_GPL(name) struct device
#define THIS_MODULE NULL

#endif
