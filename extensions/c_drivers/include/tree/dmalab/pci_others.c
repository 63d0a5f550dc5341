/* Other PCI functions of the machine: a driver finds none. */
#include <linux/err.h>
#include <linux/pci.h>

struct pci_bus *pci_find_bus(int domain, int number)
{
	return NULL;
}
EXPORT_SYMBOL(pci_find_bus);

struct pci_dev *pci_get_slot(struct pci_bus *bus, unsigned int devfn)
{
	return NULL;
}
EXPORT_SYMBOL(pci_get_slot);

struct pci_dev *pci_get_domain_bus_and_slot(int domain, unsigned int bus, unsigned int devfn)
{
	return NULL;
}
EXPORT_SYMBOL(pci_get_domain_bus_and_slot);

struct pci_dev *pci_get_device(unsigned int vendor, unsigned int device, struct pci_dev *from)
{
	return NULL;
}
EXPORT_SYMBOL(pci_get_device);

struct pci_dev *pci_get_subsys(unsigned int vendor, unsigned int device, unsigned int subvendor,
			       unsigned int subdevice, struct pci_dev *from)
{
	return NULL;
}
EXPORT_SYMBOL(pci_get_subsys);

struct pci_dev *pci_get_class(unsigned int class, struct pci_dev *from)
{
	return NULL;
}
EXPORT_SYMBOL(pci_get_class);

int pci_dev_present(const struct pci_device_id *ids)
{
	return 0;
}
EXPORT_SYMBOL(pci_dev_present);

/* An address on the bus is that of the processor. */
void pcibios_bus_to_resource(struct pci_bus *bus, struct resource *resource,
			     struct pci_bus_region *region)
{
	resource->start = region->start;
	resource->end = region->end;
}
EXPORT_SYMBOL(pcibios_bus_to_resource);

void pcibios_resource_to_bus(struct pci_bus *bus, struct pci_bus_region *region,
			     struct resource *resource)
{
	region->start = resource->start;
	region->end = resource->end;
}
EXPORT_SYMBOL(pcibios_resource_to_bus);

void __iomem *pci_ioremap_wc_bar(struct pci_dev *pdev, int bar)
{
	return pci_resource_flags(pdev, bar) & IORESOURCE_MEM ? pci_iomap(pdev, bar, 0) : NULL;
}
EXPORT_SYMBOL(pci_ioremap_wc_bar);

/* No device has vital product data. */
void *pci_vpd_alloc(struct pci_dev *pdev, unsigned int *bytes)
{
	return ERR_PTR(-ENODEV);
}
EXPORT_SYMBOL(pci_vpd_alloc);
