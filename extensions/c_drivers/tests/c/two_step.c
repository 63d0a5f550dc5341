#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/slab.h>

/* Maps a row of buffers as one range, each a page; gives how many bytes are linked, or an error. */
static struct dma_iova_state state;

long map_row(struct device *dev, void *first, int pages)
{
	size_t size = pages * PAGE_SIZE, done = 0;
	int error;

	if (!dma_iova_try_alloc(dev, &state, virt_to_phys(first), size))
		return -EOPNOTSUPP;
	for (; done < size; done += PAGE_SIZE) {
		error = dma_iova_link(dev, &state, virt_to_phys(first) + done, done, PAGE_SIZE,
				      DMA_TO_DEVICE, 0);
		if (error)
			goto undo;
	}
	error = dma_iova_sync(dev, &state, 0, size);
	if (error)
		goto undo;
	return (long)dma_iova_size(&state);
undo:
	/* A destroy would free as many addresses as its argument says. */
	if (done)
		dma_iova_unlink(dev, &state, 0, done, DMA_TO_DEVICE, 0);
	dma_iova_free(dev, &state);
	return error;
}

u64 row_address(void)
{
	return state.addr;
}

void unmap_row(struct device *dev)
{
	dma_iova_destroy(dev, &state, dma_iova_size(&state), DMA_TO_DEVICE, 0);
}

/* The same by a copy of the state, which a driver keeps until the device is done. */
void unmap_row_by_copy(struct device *dev)
{
	struct dma_iova_state kept = state;

	dma_iova_destroy(dev, &kept, dma_iova_size(&kept), DMA_TO_DEVICE, 0);
}

/* A state that no call has left. */
void unmap_row_by_forgery(struct device *dev)
{
	struct dma_iova_state forged = { .addr = state.addr + PAGE_SIZE, .__size = PAGE_SIZE };

	dma_iova_destroy(dev, &forged, PAGE_SIZE, DMA_TO_DEVICE, 0);
}

/* A mapping that needs no unmap is left, its memory is read and freed. */
long leave_mapping(struct device *dev)
{
	u8 *data = kmalloc(PAGE_SIZE, GFP_KERNEL);
	dma_addr_t addr;
	long first;

	if (!data)
		return -ENOMEM;
	data[0] = 7;
	addr = dma_map_single(dev, data, PAGE_SIZE, DMA_FROM_DEVICE);
	if (dma_mapping_error(dev, addr)) {
		kfree(data);
		return -EIO;
	}
	if (dma_need_unmap(dev))
		dma_unmap_single(dev, addr, PAGE_SIZE, DMA_FROM_DEVICE);
	first = data[0];
	kfree(data);
	return first;
}

/* Links a page with attributes, and writes to it while it is the device's; an error where it cannot. */
long write_linked(struct device *dev, u8 *page, unsigned long attrs)
{
	int error;

	if (!dma_iova_try_alloc(dev, &state, virt_to_phys(page), PAGE_SIZE))
		return -EOPNOTSUPP;
	error = dma_iova_link(dev, &state, virt_to_phys(page), 0, PAGE_SIZE, DMA_FROM_DEVICE, attrs);
	if (!error)
		error = dma_iova_sync(dev, &state, 0, PAGE_SIZE);
	if (error) {
		dma_iova_free(dev, &state);
		return error;
	}
	page[0] = 1;
	dma_iova_destroy(dev, &state, PAGE_SIZE, DMA_FROM_DEVICE, attrs);
	page[0] = 2;
	return 0;
}
