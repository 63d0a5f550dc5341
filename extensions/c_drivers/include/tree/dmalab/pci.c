/* The PCI bus of a tree's drivers: one driver, and the devices that a scenario has it probe. */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <dmalab/lab.h>

#define MOST_DEVICES 8
#define MESSAGES (PCI_IRQ_MSI | PCI_IRQ_MSIX)
#define CONFIG_BYTES 256

static struct pci_driver *registered;
static struct pci_dev *bound[MOST_DEVICES];
static struct pci_bus bus;
/* Configuration space, of all devices one: what drivers keep there, they find. */
static u8 config[CONFIG_BYTES];

int __pci_register_driver(struct pci_driver *driver, struct module *owner, const char *name)
{
	if (registered)
		return -EBUSY;
	registered = driver;
	return 0;
}
EXPORT_SYMBOL(__pci_register_driver);

static void leave(struct pci_dev *pdev)
{
	if (registered && registered->remove)
		registered->remove(pdev);
	lab_release(&pdev->dev);
	lab_line_irq(&pdev->dev, false);
	lab_unbind(&pdev->dev);
	pdev->dev.driver = NULL;
}

void pci_unregister_driver(struct pci_driver *driver)
{
	int at;

	for (at = 0; at < MOST_DEVICES; at++)
		if (bound[at]) {
			leave(bound[at]);
			bound[at] = NULL;
		}
	registered = NULL;
}
EXPORT_SYMBOL(pci_unregister_driver);

static bool is_one(u32 wanted, u32 id)
{
	return wanted == PCI_ANY_ID || id == PCI_ANY_ID || wanted == id;
}

static const struct pci_device_id *entry_of(u32 vendor, u32 device)
{
	const struct pci_device_id *id = registered->id_table;

	for (; id && (id->vendor || id->subvendor || id->class_mask); id++)
		if (is_one(vendor, id->vendor) && is_one(device, id->device))
			return id;
	return NULL;
}

const struct pci_device_id *pci_match_id(const struct pci_device_id *id, struct pci_dev *pdev)
{
	for (; id && (id->vendor || id->subvendor || id->class_mask); id++)
		if (is_one(pdev->vendor, id->vendor) && is_one(pdev->device, id->device) &&
		    is_one(pdev->subsystem_vendor, id->subvendor) &&
		    is_one(pdev->subsystem_device, id->subdevice))
			return id;
	return NULL;
}
EXPORT_SYMBOL(pci_match_id);

/* What the bus knows of a function before its driver does. */
static void describe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	int bar;

	pdev->vendor = id->vendor;
	pdev->device = id->device;
	pdev->subsystem_vendor = id->subvendor;
	pdev->subsystem_device = id->subdevice;
	pdev->class = id->class;
	pdev->bus = &bus;
	pdev->hdr_type = PCI_HEADER_TYPE_NORMAL;
	pdev->dma_mask = DMA_BIT_MASK(32);
	pdev->dev.dma_mask = &pdev->dma_mask;
	pdev->dev.coherent_dma_mask = DMA_BIT_MASK(32);
	pdev->dev.bus = &pci_bus_type;
	pdev->dev.driver = &registered->driver;
	pdev->error_state = pci_channel_io_normal;
	atomic_set(&pdev->enable_cnt, 0);
	pdev->irq = lab_line_irq(&pdev->dev, true);
	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		resource_size_t size = lab_pci_resource_len(&pdev->dev, bar);
		struct resource *window = &pdev->resource[bar];

		if (!size)
			continue;
		window->start = lab_pci_resource_start(&pdev->dev, bar);
		window->end = window->start + size - 1;
		window->flags = IORESOURCE_MEM;
	}
	memset(config, 0, sizeof(config));
	memcpy(config + PCI_VENDOR_ID, &pdev->vendor, 2);
	memcpy(config + PCI_DEVICE_ID, &pdev->device, 2);
}

/* Binds a device as the function with these numbers. -ENODEV where the driver has no entry for it. */
LAB_FOR_SCENARIOS int probe_as(struct device *dev, unsigned int vendor, unsigned int device)
{
	struct pci_dev *pdev = to_pci_dev(dev);
	const struct pci_device_id *id = registered ? entry_of(vendor, device) : NULL;
	int at = 0, error;

	if (!id)
		return -ENODEV;
	while (at < MOST_DEVICES && bound[at])
		at++;
	if (at == MOST_DEVICES)
		return -ENOSPC;
	describe(pdev, id);
	error = registered->probe(pdev, id);
	if (error < 0) {
		lab_release(dev);
		lab_line_irq(dev, false);
		pdev->dev.driver = NULL;
		return error;
	}
	bound[at] = pdev;
	return 0;
}

/* The same as the first function that the driver has an entry for. */
LAB_FOR_SCENARIOS int probe(struct device *dev)
{
	return probe_as(dev, PCI_ANY_ID, PCI_ANY_ID);
}

LAB_FOR_SCENARIOS void remove(struct device *dev)
{
	int at;

	for (at = 0; at < MOST_DEVICES; at++)
		if (bound[at] == to_pci_dev(dev)) {
			leave(bound[at]);
			bound[at] = NULL;
		}
}

int init_module(void) __attribute__((weak));
void cleanup_module(void) __attribute__((weak));

LAB_FOR_SCENARIOS int load(void)
{
	return init_module();
}

LAB_FOR_SCENARIOS void unload(void)
{
	cleanup_module();
}

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
	return enabled(pdev, lab_pcim_enable_device(&pdev->dev));
}
EXPORT_SYMBOL(pcim_enable_device);

/* What a function may do on the bus is not held against it here. */
void pci_set_master(struct pci_dev *pdev)
{
}
EXPORT_SYMBOL(pci_set_master);

void pci_clear_master(struct pci_dev *pdev)
{
}
EXPORT_SYMBOL(pci_clear_master);

int pci_request_regions(struct pci_dev *pdev, const char *name)
{
	return lab_pci_request_mem_regions(&pdev->dev, name);
}
EXPORT_SYMBOL(pci_request_regions);

void pci_release_regions(struct pci_dev *pdev)
{
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

void __iomem *pcim_iomap(struct pci_dev *pdev, int bar, unsigned long most)
{
	return lab_pcim_iomap(&pdev->dev, bar, most);
}
EXPORT_SYMBOL(pcim_iomap);

void __iomem *pcim_iomap_region(struct pci_dev *pdev, int bar, const char *name)
{
	return lab_pcim_iomap_region(&pdev->dev, bar, name);
}
EXPORT_SYMBOL(pcim_iomap_region);

int pcim_request_all_regions(struct pci_dev *pdev, const char *name)
{
	return lab_pci_request_mem_regions(&pdev->dev, name);
}
EXPORT_SYMBOL(pcim_request_all_regions);

/* Windows by their numbers: where they lie is known without a table of what was mapped. */
static void __iomem *windows[PCI_STD_NUM_BARS];

int pcim_iomap_regions(struct pci_dev *pdev, int mask, const char *name)
{
	int bar;

	for (bar = 0; bar < PCI_STD_NUM_BARS; bar++) {
		if (!(mask & (1 << bar)))
			continue;
		windows[bar] = lab_pcim_iomap_region(&pdev->dev, bar, name);
		if (IS_ERR(windows[bar]))
			return PTR_ERR(windows[bar]);
	}
	return 0;
}
EXPORT_SYMBOL(pcim_iomap_regions);

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
		lab_line_irq(&pdev->dev, false);
		count = lab_pci_alloc_irq_vectors(&pdev->dev, least, most, flags & MESSAGES);
		if (count > 0) {
			if (affinity && affinity->calc_sets)
				affinity->calc_sets(affinity, count - affinity->pre_vectors -
								      affinity->post_vectors);
			pdev->msix_enabled = !!(flags & PCI_IRQ_MSIX);
			pdev->msi_enabled = !pdev->msix_enabled;
			return count;
		}
		pdev->irq = lab_line_irq(&pdev->dev, true);
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
	pdev->irq = lab_line_irq(&pdev->dev, true);
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

bool pci_device_is_present(struct pci_dev *pdev)
{
	return true;
}
EXPORT_SYMBOL(pci_device_is_present);

int pci_enable_msi(struct pci_dev *pdev)
{
	int count = pci_alloc_irq_vectors_affinity(pdev, 1, 1, PCI_IRQ_MSI, NULL);

	if (count < 0)
		return count;
	pdev->irq = pci_irq_vector(pdev, 0);
	return 0;
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

#define CONFIG_ACCESS(kind, type)                                                               \
	int pci_read_config_##kind(const struct pci_dev *pdev, int at, type *value)             \
	{                                                                                       \
		if (at < 0 || at + sizeof(type) > CONFIG_BYTES)                                 \
			return PCIBIOS_BAD_REGISTER_NUMBER;                                     \
		memcpy(value, config + at, sizeof(type));                                       \
		return 0;                                                                       \
	}                                                                                       \
	int pci_write_config_##kind(const struct pci_dev *pdev, int at, type value)             \
	{                                                                                       \
		if (at < 0 || at + sizeof(type) > CONFIG_BYTES)                                 \
			return PCIBIOS_BAD_REGISTER_NUMBER;                                     \
		memcpy(config + at, &value, sizeof(type));                                      \
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
