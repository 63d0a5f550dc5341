#ifndef DMALAB_LINUX_PCI_H
#define DMALAB_LINUX_PCI_H

#include <linux/device.h>
#include <linux/errno.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/pci_ids.h>

/* A function of the PCI tree: every device of a scenario is one, with the same pointer. */
struct pci_dev {
	struct device dev;
	unsigned int devfn;
	unsigned int irq;
};

#include <dmalab/calls/pci.h>
#include <dmalab/calls/pcim.h>

typedef unsigned long kernel_ulong_t;

struct pci_device_id {
	u32 vendor, device, subvendor, subdevice;
	u32 class_code, class_mask;
	unsigned long driver_data;
};

struct pci_driver {
	const char *name;
	const struct pci_device_id *id_table;
	int (*probe)(struct pci_dev *pdev, const struct pci_device_id *id);
	void (*remove)(struct pci_dev *pdev);
	void (*shutdown)(struct pci_dev *pdev);
};

DMALAB_INLINE bool dev_is_pci(const struct device *dev)
{
	return dev != NULL;
}

#define PCI_ANY_ID (~0U)
#define PCI_DEVICE(vend, dev) \
	.vendor = (vend), .device = (dev), .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID
/* What follows it in braces is the data of the driver. */
#define PCI_VDEVICE(vend, dev)                                                  \
	.vendor = PCI_VENDOR_ID_##vend, .device = (dev), .subvendor = PCI_ANY_ID, \
	.subdevice = PCI_ANY_ID, 0, 0
#define PCI_DEVICE_DATA(vend, dev, data)                                        \
	.vendor = PCI_VENDOR_ID_##vend, .device = PCI_DEVICE_ID_##vend##_##dev, \
	.subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID, 0, 0,                 \
	(unsigned long)(data)
#define PCI_DEVICE_CLASS(code, mask)                                            \
	.vendor = PCI_ANY_ID, .device = PCI_ANY_ID, .subvendor = PCI_ANY_ID,    \
	.subdevice = PCI_ANY_ID, .class_code = (code), .class_mask = (mask)

#define PCI_IRQ_INTX 1
#define PCI_IRQ_MSI 2
#define PCI_IRQ_MSIX 4
#define PCI_IRQ_AFFINITY 8
#define PCI_IRQ_ALL_TYPES (PCI_IRQ_INTX | PCI_IRQ_MSI | PCI_IRQ_MSIX)

#define pci_err(pdev, ...) dev_err(&(pdev)->dev, __VA_ARGS__)
#define pci_warn(pdev, ...) dev_warn(&(pdev)->dev, __VA_ARGS__)
#define pci_info(pdev, ...) dev_info(&(pdev)->dev, __VA_ARGS__)
#define pci_dbg(pdev, ...) dev_dbg(&(pdev)->dev, __VA_ARGS__)
#define to_pci_dev(device) container_of(device, struct pci_dev, dev)
#define pci_name(pdev) dev_name(&(pdev)->dev)
#define pci_enable_device pci_enable_device_mem
#define pci_request_regions pci_request_mem_regions
#define pci_release_regions pci_release_mem_regions
#define pci_resource_end(pdev, bar)                                 \
	(pci_resource_start(pdev, bar) + pci_resource_len(pdev, bar) - 1)
#define pci_ioremap_bar(pdev, bar) pci_iomap(pdev, bar, 0)
/* By the number of the vector; the name may be a format. */
#define pci_request_irq(pdev, nr, handler, thread_fn, id, ...)                           \
	request_threaded_irq((unsigned int)pci_irq_vector(pdev, nr), handler, thread_fn, \
			     IRQF_SHARED, DMALAB_NAME_OF(__VA_ARGS__, 0), id)
#define DMALAB_NAME_OF(format, ...) format
#define pci_free_irq(pdev, nr, id) free_irq((unsigned int)pci_irq_vector(pdev, nr), id)

DMALAB_INLINE void *pci_get_drvdata(struct pci_dev *pdev)
{
	return dev_get_drvdata(&pdev->dev);
}

DMALAB_INLINE void pci_set_drvdata(struct pci_dev *pdev, void *data)
{
	dev_set_drvdata(&pdev->dev, data);
}

/* What a bus does with a driver: what is managed is released after a remove, and after a probe that has
 * failed. The parentheses leave places to the lines of the driver. */
DMALAB_INLINE int dmalab_pci_probe(const struct pci_driver *driver, struct pci_dev *pdev)
{
	int error = driver->probe(pdev, driver->id_table);

	if (error < 0)
		(dmalab_release)(&pdev->dev);
	return error;
}

DMALAB_INLINE void dmalab_pci_remove(const struct pci_driver *driver, struct pci_dev *pdev)
{
	if (driver->remove)
		driver->remove(pdev);
	(dmalab_release)(&pdev->dev);
	(dmalab_unbind)(&pdev->dev);
}

/* The driver as scenarios see it: probe(device) and remove(device). The driver may have functions of these names. */
#define DMALAB_BUS_CALL(name) __attribute__((export_name(#name))) dmalab_bus_##name
#define module_pci_driver(driver)                                 \
	int DMALAB_BUS_CALL(probe)(struct pci_dev *pdev)          \
	{                                                         \
		return dmalab_pci_probe(&(driver), pdev);         \
	}                                                         \
	void DMALAB_BUS_CALL(remove)(struct pci_dev *pdev)        \
	{                                                         \
		dmalab_pci_remove(&(driver), pdev);               \
	}                                                         \
	DMALAB_C int dmalab_bus_probe(struct pci_dev *pdev)

/* The same for a driver that registers itself: `module_init()` makes the two functions. */
static __attribute__((unused)) const struct pci_driver *dmalab_pci_driver;

#define pci_register_driver(driver) (dmalab_pci_driver = (driver), 0)
#define pci_unregister_driver(driver) ((void)(driver), (void)(dmalab_pci_driver = NULL))

#undef DMALAB_BUS_FUNCTIONS
#define DMALAB_BUS_FUNCTIONS                                                                      \
	int DMALAB_BUS_CALL(probe)(struct pci_dev *pdev)                                          \
	{                                                                                         \
		return dmalab_pci_driver ? dmalab_pci_probe(dmalab_pci_driver, pdev) : -ENODEV;   \
	}                                                                                         \
	void DMALAB_BUS_CALL(remove)(struct pci_dev *pdev)                                        \
	{                                                                                         \
		if (dmalab_pci_driver)                                                            \
			dmalab_pci_remove(dmalab_pci_driver, pdev);                               \
	}

#endif
