/* Host bridges, ports and devices by their numbers, for the tree's drivers/pci/p2pdma.c. */
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

#define LAB_PLACES 128

static struct pci_dev lab_pci[LAB_PLACES];
static struct pci_host_bridge lab_hosts[LAB_PLACES];
/* The bus behind each host bridge, then that behind each port. */
static struct pci_bus lab_roots[LAB_PLACES], lab_behind[LAB_PLACES];
static u16 lab_acs[LAB_PLACES];

const struct bus_type pci_bus_type;

struct pci_host_bridge *pci_find_host_bridge(struct pci_bus *bus)
{
	while (bus->parent)
		bus = bus->parent;
	return bus->sysdata;
}

struct pci_dev *pci_get_slot(struct pci_bus *bus, unsigned int devfn)
{
	struct pci_dev *dev;

	list_for_each_entry(dev, &bus->devices, bus_list)
		if (dev->devfn == devfn)
			return dev;
	return NULL;
}

int pci_read_config_word(const struct pci_dev *dev, int where, u16 *value)
{
	*value = lab_acs[dev - lab_pci];
	return 0;
}

void pcibios_resource_to_bus(struct pci_bus *bus, struct pci_bus_region *region, struct resource *resource)
{
	region->start = resource->start;
	region->end = resource->end;
}

void lab_p2p_host(unsigned int place, unsigned int number)
{
	struct pci_bus *bus = lab_roots + place;

	lab_hosts[place].bus = bus;
	bus->sysdata = lab_hosts + place;
	bus->number = number;
	INIT_LIST_HEAD(&bus->devices);
}

/* @above The port in whose bus it lies, or -1 on the bus of a host bridge. */
void lab_p2p_function(unsigned int place, unsigned int host, int above, unsigned int number, unsigned int devfn,
		      unsigned int type)
{
	struct pci_bus *bus = above < 0 ? lab_roots + host : lab_behind + above;
	struct pci_dev *dev = lab_pci + place;

	if (above >= 0 && !bus->self) {
		bus->self = lab_pci + above;
		bus->parent = bus->self->bus;
		bus->number = number;
		INIT_LIST_HEAD(&bus->devices);
	}
	dev->bus = bus;
	dev->devfn = devfn;
	dev->pcie_cap = 1;
	dev->pcie_flags_reg = type << 4;
	dev->dev.bus = &pci_bus_type;
	dev->dev.init_name = "device";
	dev->resource[0].flags = IORESOURCE_MEM;
	dev->resource[0].end = PAGE_SIZE - 1;
	list_add_tail(&dev->bus_list, &bus->devices);
}

void lab_p2p_ids(unsigned int place, unsigned int vendor, unsigned int device)
{
	lab_pci[place].vendor = vendor;
	lab_pci[place].device = device;
}

void lab_p2p_acs(unsigned int place, unsigned int control)
{
	lab_pci[place].acs_cap = 1;
	lab_acs[place] = control;
}

int lab_p2p_provider(unsigned int place)
{
	return pcim_p2pdma_init(lab_pci + place);
}

static struct device *lab_clients[LAB_PLACES];

void lab_p2p_client(unsigned int index, unsigned int place)
{
	lab_clients[index] = &lab_pci[place].dev;
}

int lab_p2p_distance(unsigned int provider, int count, bool verbose)
{
	return pci_p2pdma_distance_many(lab_pci + provider, lab_clients, count, verbose);
}

unsigned int lab_p2p_kind(unsigned int provider, unsigned int client)
{
	return pci_p2pdma_map_type(pcim_p2pdma_provider(lab_pci + provider, 0), &lab_pci[client].dev);
}
