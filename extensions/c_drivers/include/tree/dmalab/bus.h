/* A bus: binds devices of a scenario to the driver that has registered with it. */
#ifndef DMALAB_TREE_BUS_H
#define DMALAB_TREE_BUS_H

#include <dmalab/lab.h>

#define LAB_ANY_ID (~0U)

struct lab_bus {
	/* 0, or why the driver does not take the device; then nothing of it is left. */
	int (*bind)(struct device *dev, unsigned int vendor, unsigned int device);
	void (*unbind)(struct device *dev);
	/* Whether it finds a device that is there when a driver registers. */
	bool finds;
};

/* A driver has registered; the last one of the last bus is what a scenario probes. */
void lab_bus_add(const struct lab_bus *bus);
/* One of its drivers goes, and leaves its devices. */
void lab_bus_release(const struct lab_bus *bus, const struct device_driver *driver);
/* Its last driver goes, and leaves its devices. */
void lab_bus_leave(const struct lab_bus *bus);

/* Other modules that the driver needs, in the order in which they start; the last one has no name. */
struct lab_module {
	const char *name;
	int (*init)(void);
	void (*exit)(void);
	/* A part of the kernel: the driver starts without it, too. */
	bool is_of_tree;
	bool is_started;
};
extern struct lab_module lab_modules[];

/* The device whose node it is, or stands in. */
struct device *lab_of_node(const struct device_node *node);

#endif
