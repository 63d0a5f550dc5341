/* What a scenario does with a module and its devices, on whichever bus its driver has registered. */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <dmalab/bus.h>

#define MOST_DEVICES 8

static struct {
	struct device *dev;
	const struct lab_bus *bus;
} bound[MOST_DEVICES];
static const struct lab_bus *registered;

static void leave(int at)
{
	bound[at].bus->unbind(bound[at].dev);
	bound[at].dev = NULL;
}

void lab_bus_release(const struct lab_bus *bus, const struct device_driver *driver)
{
	int at;

	for (at = 0; at < MOST_DEVICES; at++)
		if (bound[at].dev && bound[at].bus == bus && bound[at].dev->driver == driver)
			leave(at);
}
EXPORT_SYMBOL(lab_bus_release);

void lab_bus_leave(const struct lab_bus *bus)
{
	int at;

	for (at = 0; at < MOST_DEVICES; at++)
		if (bound[at].dev && bound[at].bus == bus)
			leave(at);
	if (registered == bus)
		registered = NULL;
}
EXPORT_SYMBOL(lab_bus_leave);

/* Binds a device as the function with these numbers. -ENODEV where the driver has no entry for it. */
LAB_FOR_SCENARIOS int probe_as(struct device *dev, unsigned int vendor, unsigned int device)
{
	int at = 0, error;

	if (!registered)
		return -ENODEV;
	while (at < MOST_DEVICES && bound[at].dev)
		at++;
	if (at == MOST_DEVICES)
		return -ENOSPC;
	error = registered->bind(dev, vendor, device);
	if (error)
		return error;
	bound[at].dev = dev;
	bound[at].bus = registered;
	return 0;
}

/* The same as the function that its block describes, or else as the first one that has an entry. */
LAB_FOR_SCENARIOS int probe(struct device *dev)
{
	return probe_as(dev, LAB_ANY_ID, LAB_ANY_ID);
}

/* A device that is there while the driver starts, and what its probe function returned. */
static struct device *awaited;
static int found;

void lab_bus_add(const struct lab_bus *bus)
{
	registered = bus;
	if (!awaited || !bus->finds)
		return;
	found = probe(awaited);
	/* A driver of another module may take it. */
	if (found != -ENODEV)
		awaited = NULL;
}
EXPORT_SYMBOL(lab_bus_add);

LAB_FOR_SCENARIOS void remove(struct device *dev)
{
	int at;

	for (at = 0; at < MOST_DEVICES; at++)
		if (bound[at].dev == dev)
			leave(at);
}

int init_module(void) __attribute__((weak));
void cleanup_module(void) __attribute__((weak));

static int count_modules(void)
{
	int count = 0;

	while (lab_modules[count].name)
		count++;
	return count;
}

/* The modules that the driver needs go, the last one first. Parts of the kernel stay. */
static void stop_modules(void)
{
	int at = count_modules();

	while (at-- > 0) {
		if (lab_modules[at].is_of_tree)
			continue;
		if (lab_modules[at].is_started && lab_modules[at].exit)
			lab_modules[at].exit();
		lab_modules[at].is_started = false;
	}
}

static int start(struct lab_module *module)
{
	int error;

	if (module->is_started)
		return 0;
	if (!module->is_of_tree)
		pr_info("%s starts first: the driver needs it\n", module->name);
	lab_of_kernel(module->is_of_tree);
	error = module->init ? module->init() : 0;
	lab_of_kernel(false);
	module->is_started = !error;
	if (error)
		pr_err("the init function of %s returns %d\n", module->name, error);
	return module->is_of_tree ? 0 : error;
}

static int start_modules(void)
{
	int at, error = 0;

	for (at = 0; lab_modules[at].name && !error; at++)
		error = start(&lab_modules[at]);
	if (error)
		stop_modules();
	return error;
}

LAB_FOR_SCENARIOS int load(void)
{
	int error;

	if (!init_module) {
		pr_err("the driver has no init function that a module could have\n");
		return -ENODEV;
	}
	error = start_modules();
	if (error)
		return error;
	error = init_module();
	if (error)
		stop_modules();
	return error;
}

LAB_FOR_SCENARIOS void unload(void)
{
	if (cleanup_module)
		cleanup_module();
	stop_modules();
}

/*
 * Loads the driver while the device is there: registering binds it, before the init function returns. If that
 * fails, nothing is left loaded.
 */
LAB_FOR_SCENARIOS int load_with(struct device *dev)
{
	int error;

	awaited = dev;
	found = -ENODEV;
	error = load();
	awaited = NULL;
	if (error || !found)
		return error;
	unload();
	return found;
}
