/* Other PCI functions of the machine: a driver finds none. */
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
