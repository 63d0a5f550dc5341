/* References to modules: none is unloaded while a driver uses it, and none is loaded when it is asked for. */
#include <linux/kmod.h>
#include <linux/module.h>

bool try_module_get(struct module *module)
{
	return true;
}
EXPORT_SYMBOL(try_module_get);

void __module_get(struct module *module)
{
}
EXPORT_SYMBOL(__module_get);

void module_put(struct module *module)
{
}
EXPORT_SYMBOL(module_put);

int __request_module(bool wait, const char *format, ...)
{
	return -ENOENT;
}
EXPORT_SYMBOL(__request_module);
