/* Functions of the lab behind those of the kernel beside this file: `lab_X` is X of extensions/c_drivers/calls.ts. */
#ifndef DMALAB_TREE_LAB_H
#define DMALAB_TREE_LAB_H

#include <linux/device.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

/* What a scenario calls. */
#define LAB_FOR_SCENARIOS __attribute__((visibility("default")))

/* A device is its struct device. */
int lab_pci_enable_device_mem(struct device *dev);
void lab_pci_disable_device(struct device *dev);
void lab_pci_set_master(struct device *dev);
void lab_pci_clear_master(struct device *dev);
int lab_pci_request_mem_regions(struct device *dev, const char *name);
void lab_pci_release_mem_regions(struct device *dev);
resource_size_t lab_pci_resource_start(struct device *dev, int bar);
resource_size_t lab_pci_resource_len(struct device *dev, int bar);
void *lab_pci_iomap(struct device *dev, int bar, unsigned long most);
int lab_pci_alloc_irq_vectors(struct device *dev, unsigned int least, unsigned int most,
			      unsigned int flags);
int lab_pci_irq_vector(struct device *dev, unsigned int number);
void lab_pci_free_irq_vectors(struct device *dev);
int lab_pcim_enable_device(struct device *dev);
void *lab_pcim_iomap(struct device *dev, int bar, unsigned long most);
void *lab_pcim_iomap_region(struct device *dev, int bar, const char *name);
int lab_dma_map_sgtable_attrs(struct device *dev, struct scatterlist *list, int entries, int dir,
			      unsigned long attrs);
/* Interrupts of a device that has no messages, so many at most: the first one's number; 0 when they are freed. */
int lab_line_irq(struct device *dev, unsigned int most);
/* What the block of a device says of its function, by the key; -1 where it says nothing. */
long lab_function(struct device *dev, const char *key);
/* A property of the device's node: its path, and its value behind that; NULL where there are not so many. */
char *lab_property(struct device *dev, unsigned int number, int *length);
/* Puts what the device's block says of configuration space into it. */
void lab_config(struct device *dev, void *space, unsigned int bytes);
/* A copy of bytes of configuration space, which drivers read. */
void lab_config_shown(void *at, unsigned int offset, unsigned int bytes);
/* The firmware that the device's block gives, behind so many bytes for its structure; NULL where it gives none. */
void *lab_firmware(struct device *dev, unsigned int head, unsigned int *length);
/* The driver has asked for one, or for a node, that is not there. */
void lab_no_property(const char *name, bool is_node);
/* A pointer of the device that nobody has set: whoever uses it is told so. */
void lab_no_data(void *at, const char *name);
/* Flags of a BAR, as IORESOURCE_* has them. */
unsigned long lab_bar_flags(struct device *dev, int bar);
/* Where the device's limits are: the tree's own functions write them there. */
void lab_limits_of(struct device *dev, unsigned int *max_seg_size, unsigned int *min_align_mask,
		   unsigned long *seg_boundary);

static inline void lab_limits(struct device *dev)
{
	struct device_dma_parameters *parms = dev->dma_parms;

	lab_limits_of(dev, &parms->max_segment_size, &parms->min_align_mask,
		      &parms->segment_boundary_mask);
}

/* A structure that stands for a device of the scenario from now on; NULL ends that. */
void lab_alias(struct device *made, struct device *dev);
/* A structure that a driver makes is a device of its own, or is none any more. */
void lab_made(struct device *dev, bool is_one);
/* What is allocated now belongs to the kernel: no allocation fails, and nobody has to free it. */
void lab_of_kernel(bool is_so);
void lab_release(struct device *dev);
void lab_unbind(struct device *dev);
/* Has action(data) called when what is managed is released. */
void lab_note(struct device *dev, void (*action)(void *), void *data);
/* Releases what was managed since that, and it. */
void lab_release_until(struct device *dev, void (*action)(void *), void *data);
/* Not any more. False where it was not to be called. */
bool lab_forget(struct device *dev, void (*action)(void *), void *data);

bool lab_wait(unsigned int *done, u64 timeout_ns);
void lab_may_sleep(const char *what);
void lab_sleep(const char *what, u64 ns);
void lab_spin(u64 ns);
/* Lets one thing happen, or that much time pass. */
void lab_nap(u64 ns);
u64 lab_now(void);

/* Has run(at) called in a process of its own. False where that waits already. */
bool lab_defer(void *at, void *run);
/* Whether it waited; it does not any more, or has run. */
bool lab_cancel(void *at);
bool lab_flush(void *at);
/* The same at a tick, as a handler of an interrupt. */
int lab_arm(void *at, unsigned long expires, void *run);
int lab_disarm(void *at);

#endif
