/* The PCI bus of a tree's drivers: the drivers of the linked modules, and the devices that a scenario has them probe. */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <dmalab/bus.h>

#define MESSAGES (PCI_IRQ_MSI | PCI_IRQ_MSIX)
#define CONFIG_BYTES 4096
#define EXTENDED_AT 256
#define MOST_CAPABILITIES 48
#define MOST_SPACES 8
#define MOST_DRIVERS 16

/* The driver of a module that starts first comes first. */
static struct pci_driver *registered[MOST_DRIVERS];
static int drivers;
static struct pci_bus bus = {
	.devices = LIST_HEAD_INIT(bus.devices),
	.children = LIST_HEAD_INIT(bus.children),
};

/* Configuration space: what it says at the beginning, and what drivers keep there. */
static struct space {
	struct pci_dev *pdev;
	/* BARs that pci_request_region() has claimed one by one. */
	unsigned int claimed;
	u8 bytes[CONFIG_BYTES];
} spaces[MOST_SPACES];

static struct space *state_of(const struct pci_dev *pdev)
{
	int at;

	for (at = 0; at < MOST_SPACES - 1 && spaces[at].pdev && spaces[at].pdev != pdev; at++)
		;
	spaces[at].pdev = (struct pci_dev *)pdev;
	return &spaces[at];
}

static u8 *space_of(const struct pci_dev *pdev)
{
	return state_of(pdev)->bytes;
}

static bool is_one(u32 wanted, u32 id)
{
	return wanted == PCI_ANY_ID || id == PCI_ANY_ID || wanted == id;
}

static const struct pci_device_id *entry_of(const struct pci_device_id *id, u32 vendor, u32 device,
					    u32 subvendor, u32 subdevice, u32 class)
{
	for (; id && (id->vendor || id->subvendor || id->class_mask); id++)
		if (is_one(vendor, id->vendor) && is_one(device, id->device) &&
		    is_one(subvendor, id->subvendor) && is_one(subdevice, id->subdevice) &&
		    (class == PCI_ANY_ID || !((class ^ id->class) & id->class_mask)))
			return id;
	return NULL;
}

const struct pci_device_id *pci_match_id(const struct pci_device_id *id, struct pci_dev *pdev)
{
	return entry_of(id, pdev->vendor, pdev->device, pdev->subsystem_vendor,
			pdev->subsystem_device, pdev->class);
}
EXPORT_SYMBOL(pci_match_id);

/* A number of the function by its block, else by the driver's entry, else none. */
static u32 number(struct pci_dev *pdev, const char *key, u32 by_entry)
{
	long said = lab_function(&pdev->dev, key);

	return said >= 0 ? said : by_entry == PCI_ANY_ID ? 0 : by_entry;
}

static void put(u8 *space, int at, u32 value, int bytes)
{
	memcpy(space + at, &value, bytes);
}

/* A capability behind the last one; 0 where the function has none of it. */
static u8 capability(struct pci_dev *pdev, u8 **link, const char *key, u8 id, u8 at)
{
	u8 *space = space_of(pdev);

	if (lab_function(&pdev->dev, key) <= 0)
		return 0;
	**link = at;
	space[at] = id;
	*link = &space[at + 1];
	return at;
}

static void fill_space(struct pci_dev *pdev)
{
	u8 *space = space_of(pdev), *link = &space[PCI_CAPABILITY_LIST];
	int vectors, log = 0;

	memset(space, 0, CONFIG_BYTES);
	put(space, PCI_VENDOR_ID, pdev->vendor, 2);
	put(space, PCI_DEVICE_ID, pdev->device, 2);
	put(space, PCI_STATUS, PCI_STATUS_CAP_LIST, 2);
	put(space, PCI_REVISION_ID, pdev->revision | pdev->class << 8, 4);
	put(space, PCI_SUBSYSTEM_VENDOR_ID, pdev->subsystem_vendor, 2);
	put(space, PCI_SUBSYSTEM_ID, pdev->subsystem_device, 2);
	put(space, PCI_INTERRUPT_PIN, 1, 1);
	pdev->pm_cap = capability(pdev, &link, "pm", PCI_CAP_ID_PM, 0x40);
	pdev->msi_cap = capability(pdev, &link, "msi", PCI_CAP_ID_MSI, 0x50);
	pdev->msix_cap = capability(pdev, &link, "msix", PCI_CAP_ID_MSIX, 0x70);
	pdev->pcie_cap = capability(pdev, &link, "express", PCI_CAP_ID_EXP, 0x80);
	if (pdev->msi_cap) {
		for (vectors = lab_function(&pdev->dev, "msi"); 2 << log <= vectors; log++)
			;
		put(space, pdev->msi_cap + PCI_MSI_FLAGS, PCI_MSI_FLAGS_64BIT | log << 1, 2);
	}
	if (pdev->msix_cap)
		put(space, pdev->msix_cap + PCI_MSIX_FLAGS, lab_function(&pdev->dev, "msix") - 1, 2);
	if (pdev->pcie_cap) {
		put(space, pdev->pcie_cap + PCI_EXP_FLAGS, 2, 2);
		/* Gen 3, one lane. */
		put(space, pdev->pcie_cap + PCI_EXP_LNKCAP, 0x13, 4);
		put(space, pdev->pcie_cap + PCI_EXP_LNKSTA, 0x13, 2);
		put(space, pdev->pcie_cap + PCI_EXP_DEVCTL, 0x2810, 2);
	}
}

/* What a driver reads of configuration space in the function's structure. */
static void shown(struct pci_dev *pdev, void *at, unsigned int offset, unsigned int bytes)
{
	memcpy(at, space_of(pdev) + offset, bytes);
	lab_config_shown(at, offset, bytes);
}

/* What the bus knows of a function before its driver does. */
static void describe(struct pci_dev *pdev, struct pci_driver *driver, const struct pci_device_id *id)
{
	int bar;

	pdev->vendor = number(pdev, "vendor", id->vendor);
	pdev->device = number(pdev, "device", id->device);
	pdev->subsystem_vendor = number(pdev, "subvendor", id->subvendor);
	pdev->subsystem_device = number(pdev, "subdevice", id->subdevice);
	pdev->class = number(pdev, "class", id->class);
	pdev->revision = number(pdev, "revision", 0);
	pdev->bus = &bus;
	list_add_tail(&pdev->bus_list, &bus.devices);
	pdev->hdr_type = PCI_HEADER_TYPE_NORMAL;
	pdev->cfg_size = CONFIG_BYTES;
	pdev->dma_mask = DMA_BIT_MASK(32);
	pdev->dev.dma_mask = &pdev->dma_mask;
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(32);
	pdev->dev.dma_parms = &pdev->dma_parms;
	pdev->dma_parms = (struct device_dma_parameters) {
		.max_segment_size = 65536, .segment_boundary_mask = DMA_BIT_MASK(32),
	};
	lab_limits(&pdev->dev);
	pdev->dev.bus = &pci_bus_type;
	pdev->driver = driver;
	pdev->dev.driver = &driver->driver;
	pdev->error_state = pci_channel_io_normal;
	atomic_set(&pdev->enable_cnt, 0);
	pdev->irq = lab_line_irq(&pdev->dev, 1);
	fill_space(pdev);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		resource_size_t size = lab_pci_resource_len(&pdev->dev, bar);
		struct resource *window = &pdev->resource[bar];

		if (!size)
			continue;
		window->start = lab_pci_resource_start(&pdev->dev, bar);
		window->end = window->start + size - 1;
		window->flags = lab_bar_flags(&pdev->dev, bar);
		put(space_of(pdev), PCI_BASE_ADDRESS_0 + 4 * bar,
		    window->start | (window->flags & IORESOURCE_IO ? 1 : 0), 4);
	}
	lab_config(&pdev->dev, space_of(pdev), CONFIG_BYTES);
	shown(pdev, &pdev->revision, PCI_REVISION_ID, 1);
	shown(pdev, &pdev->class, PCI_REVISION_ID + 1, 3);
	shown(pdev, &pdev->subsystem_vendor, PCI_SUBSYSTEM_VENDOR_ID, 2);
	shown(pdev, &pdev->subsystem_device, PCI_SUBSYSTEM_ID, 2);
}

/* A number that a scenario's call gives, or the block does. */
static u32 wanted(struct device *dev, const char *key, u32 given)
{
	long said = given == PCI_ANY_ID ? lab_function(dev, key) : given;

	return said < 0 ? PCI_ANY_ID : said;
}

/* What describe() has begun. */
static void release_claimed(struct pci_dev *pdev, unsigned int bars);

/* Until 6.16, what is requested after pcim_enable_device() is managed, too. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
static void manage(struct pci_dev *pdev)
{
	pdev->is_managed = 1;
}

static void release_managed(struct pci_dev *pdev)
{
	if (pdev->is_managed)
		release_claimed(pdev, ~0U);
	pdev->is_managed = 0;
}
#else
static void manage(struct pci_dev *pdev)
{
}

static void release_managed(struct pci_dev *pdev)
{
}
#endif

static void forget(struct pci_dev *pdev)
{
	lab_release(&pdev->dev);
	release_managed(pdev);
	lab_line_irq(&pdev->dev, 0);
	list_del(&pdev->bus_list);
	pdev->driver = NULL;
	pdev->dev.driver = NULL;
}

static const struct pci_device_id by_new_id = {
	.vendor = PCI_ANY_ID, .device = PCI_ANY_ID, .subvendor = PCI_ANY_ID, .subdevice = PCI_ANY_ID,
};

/* A driver without a table gets its devices by numbers that a user writes to its new_id. */
static const struct pci_device_id *taken_by(struct pci_driver *driver, struct device *dev,
					    unsigned int vendor, unsigned int device)
{
	if (!driver->id_table)
		return &by_new_id;
	return entry_of(driver->id_table, wanted(dev, "vendor", vendor),
			wanted(dev, "device", device), wanted(dev, "subvendor", PCI_ANY_ID),
			wanted(dev, "subdevice", PCI_ANY_ID), wanted(dev, "class", PCI_ANY_ID));
}

static int bind(struct device *dev, unsigned int vendor, unsigned int device)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	const struct pci_device_id *id = NULL;
	int at = drivers, error;

	/* The driver's own module has started last. */
	while (!id && at > 0)
		id = taken_by(registered[--at], dev, vendor, device);
	if (!id)
		return -ENODEV;
	describe(pdev, registered[at], id);
	error = registered[at]->probe(pdev, id);
	if (error < 0) {
		forget(pdev);
		return error;
	}
	return 0;
}

static void unbind(struct device *dev)
{
	struct pci_dev *pdev = to_pci_dev(dev);

	if (pdev->driver && pdev->driver->remove)
		pdev->driver->remove(pdev);
	forget(pdev);
	lab_unbind(dev);
}

static const struct lab_bus pci = { bind, unbind, true };

int __pci_register_driver(struct pci_driver *driver, struct module *owner, const char *name)
{
	if (drivers == MOST_DRIVERS)
		return -ENOMEM;
	registered[drivers++] = driver;
	lab_bus_add(&pci);
	return 0;
}
EXPORT_SYMBOL(__pci_register_driver);

void pci_unregister_driver(struct pci_driver *driver)
{
	int at = 0;

	while (at < drivers && registered[at] != driver)
		at++;
	if (at == drivers)
		return;
	lab_bus_release(&pci, &driver->driver);
	for (drivers--; at < drivers; at++)
		registered[at] = registered[at + 1];
	if (!drivers)
		lab_bus_leave(&pci);
}
EXPORT_SYMBOL(pci_unregister_driver);

/* Drivers ask whether a function is enabled. */
static int enabled(struct pci_dev *pdev, int error)
{
	if (!error)
		atomic_inc(&pdev->enable_cnt);
	return error;
}

int pci_enable_device(struct pci_dev *pdev)
{
	return enabled(pdev, lab_pci_enable_device_mem(&pdev->dev));
}
EXPORT_SYMBOL(pci_enable_device);

int pci_enable_device_mem(struct pci_dev *pdev)
{
	return enabled(pdev, lab_pci_enable_device_mem(&pdev->dev));
}
EXPORT_SYMBOL(pci_enable_device_mem);

void pci_disable_device(struct pci_dev *pdev)
{
	atomic_dec(&pdev->enable_cnt);
	lab_pci_disable_device(&pdev->dev);
}
EXPORT_SYMBOL(pci_disable_device);

int pcim_enable_device(struct pci_dev *pdev)
{
	int error = enabled(pdev, lab_pcim_enable_device(&pdev->dev));

	if (!error)
		manage(pdev);
	return error;
}
EXPORT_SYMBOL(pcim_enable_device);

void pci_set_master(struct pci_dev *pdev)
{
	lab_pci_set_master(&pdev->dev);
}
EXPORT_SYMBOL(pci_set_master);

void pci_clear_master(struct pci_dev *pdev)
{
	lab_pci_clear_master(&pdev->dev);
}
EXPORT_SYMBOL(pci_clear_master);

#ifdef request_mem_region
int pci_request_region(struct pci_dev *pdev, int bar, const char *name)
{
	resource_size_t start = lab_pci_resource_start(&pdev->dev, bar);
	resource_size_t bytes = lab_pci_resource_len(&pdev->dev, bar);
	bool is_taken;

	if (!bytes)
		return 0;
	is_taken = pci_resource_flags(pdev, bar) & IORESOURCE_IO ?
		request_region(start, bytes, name) : request_mem_region(start, bytes, name);
	if (!is_taken)
		return -EBUSY;
	state_of(pdev)->claimed |= 1 << bar;
	return 0;
}
EXPORT_SYMBOL(pci_request_region);

void pci_release_region(struct pci_dev *pdev, int bar)
{
	resource_size_t start = lab_pci_resource_start(&pdev->dev, bar);
	resource_size_t bytes = lab_pci_resource_len(&pdev->dev, bar);

	if (!bytes)
		return;
	state_of(pdev)->claimed &= ~(1 << bar);
	if (pci_resource_flags(pdev, bar) & IORESOURCE_IO)
		release_region(start, bytes);
	else
		release_mem_region(start, bytes);
}
EXPORT_SYMBOL(pci_release_region);
#endif

/* The BARs of a mask that were claimed one by one: every way of releasing releases them. */
static void release_claimed(struct pci_dev *pdev, unsigned int bars)
{
#ifdef request_mem_region
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++)
		if (state_of(pdev)->claimed & bars & (1 << bar))
			pci_release_region(pdev, bar);
#endif
}

int pci_request_regions(struct pci_dev *pdev, const char *name)
{
	return lab_pci_request_mem_regions(&pdev->dev, name);
}
EXPORT_SYMBOL(pci_request_regions);

void pci_release_regions(struct pci_dev *pdev)
{
	release_claimed(pdev, ~0U);
	lab_pci_release_mem_regions(&pdev->dev);
}
EXPORT_SYMBOL(pci_release_regions);

int pci_request_selected_regions(struct pci_dev *pdev, int bars, const char *name)
{
	return lab_pci_request_mem_regions(&pdev->dev, name);
}
EXPORT_SYMBOL(pci_request_selected_regions);

void pci_release_selected_regions(struct pci_dev *pdev, int bars)
{
	release_claimed(pdev, bars);
	lab_pci_release_mem_regions(&pdev->dev);
}
EXPORT_SYMBOL(pci_release_selected_regions);

int pci_select_bars(struct pci_dev *pdev, unsigned long flags)
{
	int bar, bars = 0;

	for (bar = 0; bar < PCI_NUM_RESOURCES; bar++)
		if (pci_resource_flags(pdev, bar) & flags)
			bars |= 1 << bar;
	return bars;
}
EXPORT_SYMBOL(pci_select_bars);

void __iomem *pci_iomap(struct pci_dev *pdev, int bar, unsigned long most)
{
	return lab_pci_iomap(&pdev->dev, bar, most);
}
EXPORT_SYMBOL(pci_iomap);

void __iomem *pci_iomap_range(struct pci_dev *pdev, int bar, unsigned long offset,
			      unsigned long most)
{
	char __iomem *at;

	if (offset >= pci_resource_len(pdev, bar))
		return NULL;
	at = lab_pci_iomap(&pdev->dev, bar, most ? offset + most : 0);
	return at ? at + offset : NULL;
}
EXPORT_SYMBOL(pci_iomap_range);

/* The device keeps its configuration. */
int pci_save_state(struct pci_dev *pdev)
{
	return 0;
}
EXPORT_SYMBOL(pci_save_state);

void pci_restore_state(struct pci_dev *pdev)
{
}
EXPORT_SYMBOL(pci_restore_state);

void __iomem *pci_ioremap_bar(struct pci_dev *pdev, int bar)
{
	return lab_pci_iomap(&pdev->dev, bar, 0);
}
EXPORT_SYMBOL(pci_ioremap_bar);

void pci_iounmap(struct pci_dev *pdev, void __iomem *at)
{
	lab_may_sleep("pci_iounmap");
}
EXPORT_SYMBOL(pci_iounmap);

/* Windows by their numbers: where they lie is known without a table of what was mapped. */
static void __iomem *windows[PCI_STD_NUM_BARS];

static void note_window(int bar, void __iomem *at)
{
	if (bar >= 0 && bar < PCI_STD_NUM_BARS && at && !IS_ERR(at))
		windows[bar] = at;
}

void __iomem *pcim_iomap(struct pci_dev *pdev, int bar, unsigned long most)
{
	void __iomem *at = lab_pcim_iomap(&pdev->dev, bar, most);

	note_window(bar, at);
	return at;
}
EXPORT_SYMBOL(pcim_iomap);

void __iomem *pcim_iomap_region(struct pci_dev *pdev, int bar, const char *name)
{
	void __iomem *at = lab_pcim_iomap_region(&pdev->dev, bar, name);

	note_window(bar, at);
	return at;
}
EXPORT_SYMBOL(pcim_iomap_region);

int pcim_request_all_regions(struct pci_dev *pdev, const char *name)
{
	return lab_pci_request_mem_regions(&pdev->dev, name);
}
EXPORT_SYMBOL(pcim_request_all_regions);

int pcim_iomap_regions(struct pci_dev *pdev, int mask, const char *name)
{
	void __iomem *at;
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!(mask & (1 << bar)))
			continue;
		at = pcim_iomap_region(pdev, bar, name);
		if (IS_ERR(at))
			return PTR_ERR(at);
	}
	return 0;
}
EXPORT_SYMBOL(pcim_iomap_regions);

/* Requests all BARs, and maps those of the mask. */
int pcim_iomap_regions_request_all(struct pci_dev *pdev, int mask, const char *name)
{
	int bar, error = pcim_request_all_regions(pdev, name);

	for (bar = 0; !error && bar < PCI_STD_NUM_BARS; bar++)
		if (mask & (1 << bar) && !pcim_iomap(pdev, bar, 0))
			error = -ENOMEM;
	return error;
}
EXPORT_SYMBOL(pcim_iomap_regions_request_all);

void __iomem *const *pcim_iomap_table(struct pci_dev *pdev)
{
	return windows;
}
EXPORT_SYMBOL(pcim_iomap_table);

int pci_alloc_irq_vectors_affinity(struct pci_dev *pdev, unsigned int least, unsigned int most,
				   unsigned int flags, struct irq_affinity *affinity)
{
	int count;

	if (flags & MESSAGES) {
		lab_line_irq(&pdev->dev, 0);
		count = lab_pci_alloc_irq_vectors(&pdev->dev, least, most, flags & MESSAGES);
		if (count > 0) {
			if (affinity && affinity->calc_sets)
				affinity->calc_sets(affinity, count - affinity->pre_vectors -
								      affinity->post_vectors);
			pdev->msix_enabled = !!(flags & PCI_IRQ_MSIX);
			pdev->msi_enabled = !pdev->msix_enabled;
			/* With MSI the function's own number is that of its first message. */
			if (pdev->msi_enabled)
				pdev->irq = lab_pci_irq_vector(&pdev->dev, 0);
			return count;
		}
		pdev->irq = lab_line_irq(&pdev->dev, 1);
		if (!(flags & PCI_IRQ_INTX) || least > 1)
			return count;
	}
	return least == 1 && pdev->irq ? 1 : -ENOSPC;
}
EXPORT_SYMBOL(pci_alloc_irq_vectors_affinity);

int pci_alloc_irq_vectors(struct pci_dev *pdev, unsigned int least, unsigned int most,
			  unsigned int flags)
{
	return pci_alloc_irq_vectors_affinity(pdev, least, most, flags, NULL);
}
EXPORT_SYMBOL(pci_alloc_irq_vectors);

int pci_irq_vector(struct pci_dev *pdev, unsigned int number)
{
	if (pdev->msi_enabled || pdev->msix_enabled)
		return lab_pci_irq_vector(&pdev->dev, number);
	return number == 0 && pdev->irq ? (int)pdev->irq : -EINVAL;
}
EXPORT_SYMBOL(pci_irq_vector);

void pci_free_irq_vectors(struct pci_dev *pdev)
{
	if (!pdev->msi_enabled && !pdev->msix_enabled)
		return;
	lab_pci_free_irq_vectors(&pdev->dev);
	pdev->msi_enabled = 0;
	pdev->msix_enabled = 0;
	pdev->irq = lab_line_irq(&pdev->dev, 1);
}
EXPORT_SYMBOL(pci_free_irq_vectors);

int pci_request_irq(struct pci_dev *pdev, unsigned int number, irq_handler_t handler,
		    irq_handler_t thread, void *data, const char *format, ...)
{
	return request_threaded_irq(pci_irq_vector(pdev, number), handler, thread, IRQF_SHARED,
				    format, data);
}
EXPORT_SYMBOL(pci_request_irq);

void pci_free_irq(struct pci_dev *pdev, unsigned int number, void *data)
{
	free_irq(pci_irq_vector(pdev, number), data);
}
EXPORT_SYMBOL(pci_free_irq);

/* A function stays as long as the machine does. */
struct pci_dev *pci_dev_get(struct pci_dev *pdev)
{
	return pdev;
}
EXPORT_SYMBOL(pci_dev_get);

void pci_dev_put(struct pci_dev *pdev)
{
}
EXPORT_SYMBOL(pci_dev_put);

bool pci_device_is_present(struct pci_dev *pdev)
{
	return true;
}
EXPORT_SYMBOL(pci_device_is_present);

int pci_enable_msi(struct pci_dev *pdev)
{
	int count = pci_alloc_irq_vectors_affinity(pdev, 1, 1, PCI_IRQ_MSI, NULL);

	return count < 0 ? count : 0;
}
EXPORT_SYMBOL(pci_enable_msi);

void pci_disable_msi(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
}
EXPORT_SYMBOL(pci_disable_msi);

int pci_enable_msix_range(struct pci_dev *pdev, struct msix_entry *entries, int least, int most)
{
	int at, count = pci_alloc_irq_vectors_affinity(pdev, least, most, PCI_IRQ_MSIX, NULL);

	for (at = 0; entries && at < count; at++)
		entries[at].vector = pci_irq_vector(pdev, at);
	return count;
}
EXPORT_SYMBOL(pci_enable_msix_range);

void pci_disable_msix(struct pci_dev *pdev)
{
	pci_free_irq_vectors(pdev);
}
EXPORT_SYMBOL(pci_disable_msix);

int pci_msi_vec_count(struct pci_dev *pdev)
{
	return pdev->msi_cap ? (int)lab_function(&pdev->dev, "msi") : -EINVAL;
}
EXPORT_SYMBOL(pci_msi_vec_count);

int pci_msix_vec_count(struct pci_dev *pdev)
{
	return pdev->msix_cap ? (int)lab_function(&pdev->dev, "msix") : -EINVAL;
}
EXPORT_SYMBOL(pci_msix_vec_count);

u8 pci_find_next_capability(struct pci_dev *pdev, u8 at, int id)
{
	u8 *space = space_of(pdev);
	int left = MOST_CAPABILITIES;

	for (at = space[at + 1]; at && space[at] != id; at = space[at + 1])
		if (!--left)
			return 0;
	return at;
}
EXPORT_SYMBOL(pci_find_next_capability);

u8 pci_find_capability(struct pci_dev *pdev, int id)
{
	return pci_find_next_capability(pdev, PCI_CAPABILITY_LIST - 1, id);
}
EXPORT_SYMBOL(pci_find_capability);

static u16 next_extended(u32 header)
{
	return header >> 20 & 0xffc;
}

/* Extended ones are there if the scenario gives them. */
u16 pci_find_next_ext_capability(struct pci_dev *pdev, u16 at, int id)
{
	int left = MOST_CAPABILITIES;
	u32 header;

	if (at) {
		memcpy(&header, space_of(pdev) + at, sizeof(header));
		at = next_extended(header);
	} else {
		at = EXTENDED_AT;
	}
	for (; at >= EXTENDED_AT && left; at = next_extended(header), left--) {
		memcpy(&header, space_of(pdev) + at, sizeof(header));
		if (header && (header & 0xffff) == id)
			return at;
	}
	return 0;
}
EXPORT_SYMBOL(pci_find_next_ext_capability);

u16 pci_find_ext_capability(struct pci_dev *pdev, int id)
{
	return pci_find_next_ext_capability(pdev, 0, id);
}
EXPORT_SYMBOL(pci_find_ext_capability);

int pcie_capability_read_word(struct pci_dev *pdev, int at, u16 *value)
{
	*value = 0;
	return pdev->pcie_cap ? pci_read_config_word(pdev, pdev->pcie_cap + at, value) : 0;
}
EXPORT_SYMBOL(pcie_capability_read_word);

int pcie_capability_read_dword(struct pci_dev *pdev, int at, u32 *value)
{
	*value = 0;
	return pdev->pcie_cap ? pci_read_config_dword(pdev, pdev->pcie_cap + at, value) : 0;
}
EXPORT_SYMBOL(pcie_capability_read_dword);

/* A BAR keeps the bits below its size, and its kind: a driver that writes ones reads its size. */
static void keep_size(const struct pci_dev *pdev, int at, unsigned int bytes)
{
	const struct resource *window;
	u32 value;

	if (bytes != 4 || at % 4 || at < PCI_BASE_ADDRESS_0 ||
	    at >= PCI_BASE_ADDRESS_0 + 4 * PCI_STD_NUM_BARS)
		return;
	window = &pdev->resource[(at - PCI_BASE_ADDRESS_0) / 4];
	if (!window->end)
		return;
	memcpy(&value, space_of(pdev) + at, 4);
	value = (value & ~(u32)(window->end - window->start)) | (window->flags & IORESOURCE_IO ? 1 : 0);
	memcpy(space_of(pdev) + at, &value, 4);
}

#define CONFIG_ACCESS(kind, type)                                                               \
	int pci_read_config_##kind(const struct pci_dev *pdev, int at, type *value)             \
	{                                                                                       \
		if (at < 0 || at + sizeof(type) > CONFIG_BYTES)                                 \
			return PCIBIOS_BAD_REGISTER_NUMBER;                                     \
		memcpy(value, space_of(pdev) + at, sizeof(type));                                       \
		return 0;                                                                       \
	}                                                                                       \
	int pci_write_config_##kind(const struct pci_dev *pdev, int at, type value)             \
	{                                                                                       \
		if (at < 0 || at + sizeof(type) > CONFIG_BYTES)                                 \
			return PCIBIOS_BAD_REGISTER_NUMBER;                                     \
		memcpy(space_of(pdev) + at, &value, sizeof(type));                                      \
		keep_size(pdev, at, sizeof(type));                                                      \
		return 0;                                                                       \
	}
CONFIG_ACCESS(byte, u8)
CONFIG_ACCESS(word, u16)
CONFIG_ACCESS(dword, u32)
EXPORT_SYMBOL(pci_read_config_byte);
EXPORT_SYMBOL(pci_read_config_word);
EXPORT_SYMBOL(pci_read_config_dword);
EXPORT_SYMBOL(pci_write_config_byte);
EXPORT_SYMBOL(pci_write_config_word);
EXPORT_SYMBOL(pci_write_config_dword);
